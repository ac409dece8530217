import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createCounter } from '../../src/demo/count.ts';
import { createState, defaultStateFile, loadState, saveState } from '../../src/demo/state.ts';
import { expectationsOfApp, expectationsOfTitle } from '../../src/demo/verify.ts';
import { createDemo, makeEvents, startAt } from './made.ts';

test('a state that was saved and loaded says the same and counts on', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'state-'));
  const file = join(folder, 'deep', 'state.json');
  assert.equal(await loadState(file), null);
  const { catalogue, stream } = createDemo(2);
  const state = createState(catalogue, { url: 'http://x', seed: 2, suffix: '-a' });
  state.from = startAt;
  state.to = startAt + 1;
  const made = makeEvents(stream, 100, 30_000, 20);
  const half = made.length >> 1;
  const before = createCounter(state.count);
  for (const { event } of made.slice(0, half)) before.add(event);
  before.settle();
  await saveState(file, state);
  const loaded = (await loadState(file))!;
  const numbers = ({ count }: typeof state) => [
    ...[...count.apps.values()].flatMap(expectationsOfApp),
    ...[...count.titles.values()].flatMap(expectationsOfTitle),
  ];
  assert.deepEqual(numbers(loaded), numbers(state));
  for (const each of [state, loaded]) {
    const after = createCounter(each.count);
    for (const { event } of made.slice(half)) after.add({ ...event, view: null });
  }
  assert.deepEqual(numbers(loaded), numbers(state));
  await writeFile(file, 'not a state');
  await assert.rejects(loadState(file), /is no state of the demo: remove it/);
  await writeFile(file, '{"version":0}');
  await assert.rejects(loadState(file), /another version/);
  await rm(folder, { recursive: true });
});

test('each service has its own file', () => {
  assert.equal(defaultStateFile('http://127.0.0.1:3002'), 'data/demo-127.0.0.1-3002.json');
  assert.equal(defaultStateFile('https://[::1]/'), 'data/demo----1-.json');
});
