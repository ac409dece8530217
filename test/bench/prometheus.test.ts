import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counter, Registry } from 'prom-client';
import { readMetrics } from '../../bench/prometheus.ts';

test('reads what prom-client writes', async () => {
  const registry = new Registry();
  const steps = new Counter({
    name: 'steps',
    help: 'h',
    labelNames: ['step', 'kind'],
    registers: [registry],
  });
  steps.inc({ step: 'a', kind: 'x' }, 2);
  steps.inc({ step: 'a', kind: 'y' }, 0.5);
  steps.inc({ step: 'b', kind: 'x' }, 4);
  const metrics = readMetrics(await registry.metrics());
  assert.equal(metrics.value('steps'), 6.5);
  assert.equal(metrics.value('steps', { step: 'a' }), 2.5);
  assert.equal(metrics.value('none'), 0);
  assert.deepEqual(metrics.labels('steps', 'step'), ['a', 'b']);
});
