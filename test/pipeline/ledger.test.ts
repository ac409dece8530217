import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTally } from '../../src/pipeline/ledger.ts';

const MINUTE = 60_000;

test('one row an app and minute, in whatever order events come', () => {
  const tally = createTally();
  tally.add('a', 59_999, 'stored', 2);
  tally.add('b', 0, 'duplicate', 1);
  tally.add('a', 60_000, 'quarantined', 1);
  tally.add('a', 0, 'stored', 3);
  tally.move('a', 1, 'duplicate');
  tally.move('a', 0, 'quarantined');
  const none = { stored: 0, duplicate: 0, filtered: 0, quarantined: 0 };
  assert.deepEqual(tally.rows(), [
    { app: 'a', minute: 0, ...none, stored: 3, duplicate: 1, quarantined: 1 },
    { app: 'a', minute: 60, ...none, quarantined: 1 },
    { app: 'b', minute: 0, ...none, duplicate: 1 },
  ]);
  assert.deepEqual(
    (['stored', 'duplicate', 'filtered', 'quarantined'] as const).map((fate) => tally.total(fate)),
    [3, 2, 0, 2],
  );
});

test('an empty tally, and apps that look like something else', () => {
  assert.deepEqual(createTally().rows(), []);
  const tally = createTally();
  for (const app of ['', '__proto__', 'constructor']) tally.add(app, MINUTE, 'stored', 1);
  assert.deepEqual(
    tally.rows().map(({ app, stored }) => [app, stored]),
    [
      ['', 1],
      ['__proto__', 1],
      ['constructor', 1],
    ],
  );
});
