/** Every example of the documents, run against a real service, in the order of its document. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { docFiles, ROOT } from '../../scripts/write-docs.ts';
import { readConfig } from '../../src/config.ts';
import { type Service, startService } from '../../src/service.ts';
import { splitStatements } from '../../src/store/migrate.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { makeTestFolder } from '../support/clickhouse.ts';
import { type Example, readExamples } from './docs.ts';

/** What is sent is stored after about a second, on a loaded machine later. */
const PATIENCE_MS = 20_000;
const PAUSE_MS = 250;

let service: Service;

before(async () => {
  const env = {
    PORT: '0',
    ANALYTICS_METRICS_PORT: '0',
    ANALYTICS_DATA_DIR: makeTestFolder(),
    ANALYTICS_INSERT_LEASE_MS: '1000',
    ANALYTICS_RECOMPUTE_EVERY_MS: '200',
    ANALYTICS_ANSWER_FRESH_MS: '0',
  };
  service = await startService(readConfig(env), createLogger({ level: 'silent' }));
});
after(() => service.stop());

for (const file of docFiles()) {
  const examples = readExamples(file);
  if (examples.length === 0) continue;
  test(file, async (t) => {
    for (const example of examples) await t.test(example.place, () => check(example));
  });
}

test('docs/insights.sql', async (t) => {
  const statements = splitStatements(readFileSync(join(ROOT, 'docs', 'insights.sql'), 'utf8'));
  assert.ok(statements.length > 10);
  for (const [i, sql] of statements.entries()) {
    await t.test(`question ${i + 1}`, async () => {
      const rows = await service.store!.client.select<Record<string, unknown>>(sql);
      for (const row of rows) if ('missing' in row) assert.equal(Number(row.missing), 0);
      // Of these only the operator may know.
      if (/\bFROM (ledger|dead_letters)\b/.test(sql)) return;
      const answer = await fetch(`${service.url}/query`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: sql }),
      });
      assert.equal(answer.status, 200, await answer.clone().text());
    });
  }
});

async function check({ script, expected, answer }: Example): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const { code, output } = await run(script);
    if (code === 0 && output.includes(expected)) {
      if (answer !== null) assert.deepEqual(shapeOf(JSON.parse(answer)), shapeOf(JSON.parse(output)));
      return;
    }
    if (performance.now() >= deadline) {
      assert.fail(`it ended with ${code}, and ${JSON.stringify(expected)} is not in:\n${output}`);
    }
    await delay(PAUSE_MS);
  }
}

function run(script: string): Promise<{ code: number; output: string }> {
  const here = script
    .replaceAll('http://127.0.0.1:3002', service.url)
    .replaceAll('ws://127.0.0.1:3002', service.url.replace('http', 'ws'))
    .replaceAll('http://127.0.0.1:8000/metrics', service.metricsUrl);
  const path = `${dirname(process.execPath)}${delimiter}${process.env.PATH}`;
  return new Promise((resolve) => {
    execFile(
      'bash',
      ['-euo', 'pipefail', '-c', here],
      { env: { ...process.env, PATH: path }, timeout: PATIENCE_MS },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : Number(error.code ?? 1);
        resolve({ code, output: `${stdout}${code === 0 ? '' : stderr}` });
      },
    );
  });
}

/** The names in a JSON value: of a list those of its first element; what differs by nature is left out. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])];
  if (typeof value !== 'object' || value === null) return null;
  const entries = Object.entries(value).map(([name, inner]) => [
    name,
    name === 'drops' ? null : shapeOf(inner),
  ]);
  return Object.fromEntries(entries.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)));
}
