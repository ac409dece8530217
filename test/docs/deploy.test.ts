/** The files of deploy/, as far as they can be checked without an engine for containers. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readConfig } from '../../src/config.ts';
import { settings } from '../../src/settings.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { ROOT } from '../tidy/tree.ts';

const compose = readFileSync(join(ROOT, 'deploy/compose.yaml'), 'utf8');
const dockerfile = readFileSync(join(ROOT, 'deploy/Dockerfile'), 'utf8');

/** The lines below a key, up to the next one of its indentation. */
function blockOf(key: string, indent = ''): string {
  const [, found] =
    new RegExp(`^${indent}${key}:(?: &\\w+)?\\n((?:${indent} .*\\n|\\n|${indent} *#.*\\n)*)`, 'm').exec(
      compose,
    ) ?? [];
  assert.ok(found, `compose.yaml has no ${key}`);
  return found;
}

const SERVICES = [...blockOf('services').matchAll(/^ {2}(\w+):$/gm)].map(([, name]) => name!);

test('every setting of the compose file is one, and takes its value', () => {
  const known = new Set<string>(Object.values(settings).flatMap(({ env }) => [...env]));
  const pairs = [...blockOf('x-environment').matchAll(/^ {2}([A-Z_]+): (.+)$/gm)];
  assert.ok(pairs.length >= 8);
  const env: Record<string, string> = {};
  for (const [, name, value] of pairs) {
    assert.ok(known.has(name!), `${name} is no setting`);
    env[name!] = value!.replace(/\$\{.*\}/, 'given');
  }
  const config = readConfig(env);
  assert.deepEqual(config.kafkaBrokers, ['redpanda:9092']);
  assert.equal(new URL(config.chUrl).host, 'clickhouse:8123');
  assert.match(blockOf('redpanda', '  '), /advertise-kafka-addr=redpanda:9092/);
  for (const [, name] of dockerfile.matchAll(/\b(ANALYTICS_\w+)=/g))
    assert.ok(known.has(name!), `${name} is no setting`);
});

test('every role has its service, and waits for topics and tables', () => {
  for (const role of settings.roles.choices) {
    const service = blockOf(role, '  ');
    assert.match(service, new RegExp(`command: \\[start, --roles, ${role}\\]`));
    assert.match(service, /\*after/);
    assert.match(service, /environment: \*environment/);
  }
  assert.match(blockOf('topics', '  '), new RegExp(`${settings.topic.default}:8 analytics\\.dlq\\.v1:1`));
});

test('images are pinned, those that run for long have a health check, ports are the default ones', () => {
  const images = [...compose.matchAll(/^\s+image: (.+)$/gm)].map(([, image]) => image!);
  assert.ok(images.length >= 6);
  for (const image of [...images, ...[...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image!)]) {
    assert.match(image, /:v?\d[\w.-]*$/);
  }
  for (const name of ['redpanda', 'clickhouse', 'postgres', 'valkey']) {
    assert.ok(SERVICES.includes(name));
    assert.match(blockOf(name, '  '), /healthcheck:/);
  }
  for (const [, inside] of compose.matchAll(/"\d+:(\d+)"/g))
    assert.equal(Number(inside), settings.port.default);
  assert.match(
    dockerfile,
    new RegExp(`^EXPOSE ${settings.port.default} ${settings.metricsPort.default}$`, 'm'),
  );
});

test('volumes that are used are declared, and what is waited for is there', () => {
  const declared = [...blockOf('volumes').matchAll(/^ {2}(\w+):$/gm)].map(([, name]) => name!);
  for (const [, name] of compose.matchAll(/volumes: \[(\w+):/g)) assert.ok(declared.includes(name!));
  for (const [, name] of compose.matchAll(/^\s+(\w+): \{ condition:/gm)) assert.ok(SERVICES.includes(name!));
});

test('the image runs without root and without what only development needs', () => {
  const last = dockerfile.slice(dockerfile.lastIndexOf('FROM '));
  assert.match(last, /^USER node$/m);
  assert.match(dockerfile, /npm prune --omit=dev/);
  assert.match(last, /^HEALTHCHECK/m);
  for (const folder of ['bin', 'src', 'dist']) assert.match(last, new RegExp(`/app/${folder} `));
});

const rules = readFileSync(join(ROOT, 'deploy/prometheus-rules.yaml'), 'utf8');

test('the rules for Prometheus ask for what the service exports, with the labels that it has', async () => {
  const all = await createMetrics({ processDefaults: false }).registry.getMetricsAsJSON();
  const exported = new Map(all.map(({ name, type }) => [name, String(type)]));
  const used = [...rules.matchAll(/\banalytics_\w+/g)].map(([name]) => name);
  assert.ok(used.length >= 8);
  for (const name of used) assert.ok(exported.has(name), `${name} is not exported`);
  for (const [, name] of rules.matchAll(/rate\((analytics_\w+)/g))
    assert.equal(exported.get(name!), 'counter', `rate() of ${name}`);
  const { ingest, registry } = createMetrics({ processDefaults: false });
  ingest.answers.add('503', 1);
  const text = await registry.metrics();
  for (const [, name, label] of rules.matchAll(/(analytics_\w+)\{(\w+)[=!~]/g))
    assert.match(text, new RegExp(`^${name}\\{${label}="`, 'm'));
});

test('the rules for Prometheus have the thresholds of the built-in alerts', () => {
  const { alertErrorRatePermille, alertErrorWindowSeconds, alertLagMs, alertForSeconds } = settings;
  const ruleOf = (name: string) =>
    new RegExp(`alert: ${name}\\n([^]*?)\\n\\n`).exec(`${rules}\n\n`)?.[1] ?? '';
  const errors = ruleOf('SluiceIngestionErrorRate');
  const rate = alertErrorRatePermille.default / 1000;
  assert.equal([...errors.matchAll(/> ([\d.]+)$/gm)].filter(([, n]) => Number(n) === rate).length, 2);
  for (const [, minutes] of errors.matchAll(/\[(\d+)m\]/g))
    assert.equal(Number(minutes) * 60, alertErrorWindowSeconds.default);
  const lag = ruleOf('SluiceProcessingLag');
  assert.match(lag, new RegExp(`> ${alertLagMs.default / 1000}$`, 'm'));
  for (const rule of [errors, lag]) assert.match(rule, new RegExp(`for: ${alertForSeconds.default / 60}m`));
});

test('promtool takes the rules', { skip: promtoolMissing() }, () => {
  execFileSync('promtool', ['check', 'rules', join(ROOT, 'deploy/prometheus-rules.yaml')], { stdio: 'pipe' });
});

function promtoolMissing(): string | false {
  try {
    execFileSync('promtool', ['--version'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'There is no promtool; it comes with Prometheus.';
  }
}
