import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addPeriods, averageShares, cellsOf } from '../../../../dashboard/src/pages/retention/cohorts.ts';

describe('periods', () => {
  it('go over months, years and leap days', () => {
    assert.equal(addPeriods('2026-12-31', 'day', 1), '2027-01-01');
    assert.equal(addPeriods('2028-02-28', 'day', 1), '2028-02-29');
    assert.equal(addPeriods('2026-11-23', 'week', 6), '2027-01-04');
    assert.equal(addPeriods('2026-11-01', 'month', 3), '2027-02-01');
  });
});

describe('cells', () => {
  it('tell what is over from what is under way and what has not begun', () => {
    const cells = cellsOf({ date: '2026-11-16', size: 8, returned: [8, 2, null] }, 'week', '2026-11-23');
    assert.deepEqual(cells, [
      { count: 8, share: 1, state: 'done' },
      { count: 2, share: 0.25, state: 'running' },
      { count: null, share: null, state: 'ahead' },
    ]);
  });

  it('are over with the last day of the period, not before', () => {
    const last = (today: string) =>
      cellsOf({ date: '2026-02-01', size: 1, returned: [1] }, 'month', today)[0]!.state;
    assert.equal(last('2026-02-28'), 'running');
    assert.equal(last('2026-03-01'), 'done');
  });

  it('of an empty cohort have no share', () => {
    assert.deepEqual(cellsOf({ date: '2026-11-01', size: 0, returned: [0] }, 'day', '2026-11-23'), [
      { count: 0, share: null, state: 'done' },
    ]);
  });
});

describe('the average', () => {
  it('weighs people, and leaves out what is not over', () => {
    const cohorts = [
      { date: '2026-11-21', size: 90, returned: [90, 9, 30] },
      { date: '2026-11-22', size: 10, returned: [10, 5, null] },
    ];
    const rows = cohorts.map((cohort) => ({ ...cohort, cells: cellsOf(cohort, 'day', '2026-11-23') }));
    assert.deepEqual(averageShares(rows), [1, 0.1, null]);
    assert.deepEqual(averageShares([]), []);
  });
});
