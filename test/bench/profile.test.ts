import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ProfileNode, readProfile } from '../../bench/profile.ts';

const node = (id: number, functionName: string, url: string, children: number[] = []): ProfileNode => ({
  id,
  callFrame: { functionName, url, lineNumber: 0 },
  children,
});

test('self time goes to the stage of the nearest file of ours', () => {
  const src = 'file:///somewhere/src/';
  const nodes = [
    node(1, '(root)', '', [2, 3, 4, 5, 6]),
    node(2, '(idle)', ''),
    node(3, '(garbage collector)', ''),
    node(4, 'onRead', 'node:net', [7]),
    node(5, 'take', `${src}pipeline/batch.ts`, [8]),
    node(6, 'flush', `${src}log/local/writer.ts`, [9]),
    node(7, 'take', `${src}ingest/ingest.ts`, [10]),
    node(8, 'wasm-function[3]', 'wasm://wasm/kernel'),
    node(9, 'writev', ''),
    node(10, 'scan', `${src}event/kernel/wasm-scanner.ts`),
  ];
  const samples = [2, 3, 4, 5, 6, 7, 8, 9, 10, 10];
  const { busy, byStage } = readProfile({ nodes, samples, timeDeltas: samples.map(() => 10) });
  assert.equal(busy, 90);
  const stages = Object.fromEntries([...byStage].filter(([, micros]) => micros > 0));
  assert.deepEqual(stages, {
    HTTP: 10,
    ingest: 10,
    'kernel: scan': 20,
    log: 20,
    'kernel: columns': 10,
    'batch and dedupe': 10,
    'garbage collection': 10,
  });
});
