/** The documents agree with the code: generated parts, endpoints, names of settings, links. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { test } from 'node:test';
import {
  describeApi,
  docFiles,
  envExample,
  openSections,
  operationsOf,
  ROOT,
  readDoc,
  refreshDoc,
} from '../../scripts/write-docs.ts';
import { readConfig } from '../../src/config.ts';
import type { Setting } from '../../src/settings/setting.ts';
import { settings } from '../../src/settings.ts';
import { readAnchors, readLinks } from './docs.ts';

/** Served, and too plain to stand in the OpenAPI document. */
const UNDESCRIBED = ['GET /openapi.json', 'GET /docs', 'WS /ws'];

/** Names of other services that configuration.md explains; no setting has them. */
const EXPLAINED_NAMES = [
  'KAFKA_BROKERS',
  'KAFKA_BOOTSTRAP_SERVERS',
  'CLICKHOUSE_HOST',
  'CLICKHOUSE_PORT',
  'CLICKHOUSE_WAIT_FOR_ASYNC_INSERT',
  'VALKEY_HOST',
  'VALKEY_PORT',
  'VALKEY_DB',
  'VALKEY_USERNAME',
  'VALKEY_PASSWORD',
  'VITE_ANALYTICS_INGEST_URL',
];

test('generated parts are what the code prints (npm run docs)', async (t) => {
  const sections = await openSections();
  for (const file of docFiles()) {
    await t.test(file, () => {
      const text = readDoc(file);
      assert.equal(text, refreshDoc(text, sections));
      assert.equal(
        text.match(/^<!-- generated: /gm)?.length,
        text.match(/^<!-- \/generated -->$/gm)?.length,
        'every section ends',
      );
    });
  }
  await t.test('.env.example', () => {
    assert.equal(readFileSync(join(ROOT, '.env.example'), 'utf8'), envExample());
  });
});

test('.env.example, uncommented, is the default configuration', () => {
  const lines = envExample().matchAll(/^#([A-Z][A-Z0-9_]*)=(.*)$/gm);
  const env = Object.fromEntries([...lines].map((match) => [match[1], match[2]]));
  assert.equal(Object.keys(env).length, Object.keys(settings).length);
  assert.deepEqual(readConfig(env), readConfig({}));
});

test('api.md has a heading for every endpoint, and for no other', async () => {
  const operations = operationsOf(await describeApi());
  const served = [...operations.map(({ name }) => name), ...UNDESCRIBED];
  const api = readDoc('docs/api.md');
  const headings = [...api.matchAll(/^### `([A-Z]+ \S+)`$/gm)].map((match) => match[1]!);
  assert.deepEqual(headings.toSorted(), served.toSorted());
  for (const { name, operation } of operations) {
    const described = api.includes(`<!-- generated: parameters ${name} -->`);
    assert.equal(described, (operation.parameters ?? []).length > 0, `parameters of ${name}`);
  }
});

test('every environment name in the docs is a setting, or one that configuration.md explains', () => {
  const names = Object.values<Setting>(settings).flatMap((setting) => setting.env);
  const known = new Set([...names, ...EXPLAINED_NAMES]);
  const configuration = readDoc('docs/configuration.md');
  for (const name of known) assert.ok(configuration.includes(`\`${name}\``), `${name} is explained`);
  for (const file of docFiles()) {
    const used = readDoc(file).matchAll(/\b(?:ANALYTICS|KAFKA|CLICKHOUSE|VALKEY|VITE)_[A-Z0-9_]*[A-Z0-9]\b/g);
    for (const [name] of used) assert.ok(known.has(name), `${name} in ${file}`);
  }
});

test('links between the documents lead somewhere', () => {
  for (const file of docFiles()) {
    for (const link of readLinks(file)) {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? file : posix.join(posix.dirname(file), path);
      assert.ok(existsSync(join(ROOT, target)), `${file}: ${link}`);
      if (anchor !== undefined) assert.ok(readAnchors(target).has(anchor), `${file}: ${link}`);
    }
  }
});
