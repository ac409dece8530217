import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSteps } from '../../src/commands/dlq/steps.ts';

test('steps as they are typed', () => {
  assert.deepEqual(
    readSteps(['set properties.n=5', 'set name=seek', 'set text="5"', 'set .={"event_name":"a=b"}']),
    [
      { op: 'set', field: 'properties.n', value: 5 },
      { op: 'set', field: 'name', value: 'seek' },
      { op: 'set', field: 'text', value: '5' },
      { op: 'set', field: '.', value: { event_name: 'a=b' } },
    ],
  );
  assert.deepEqual(readSteps([' rename  evt = event_name', 'remove a b', 'cast ts=timestamp', 'set a=']), [
    { op: 'rename', field: 'evt', value: 'event_name' },
    { op: 'remove', field: 'a b' },
    { op: 'cast', field: 'ts', value: 'timestamp' },
    { op: 'set', field: 'a', value: '' },
  ]);
  for (const wrong of ['', 'set', 'move a=b', 'cast a', 'remove a=b'])
    assert.equal(typeof readSteps([wrong]), 'string');
});
