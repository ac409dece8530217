import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  type ChartInput,
  chartColumns,
  chartRows,
  snapToBuckets,
} from '../../../dashboard/src/chart/chart-data.ts';

const INPUT: ChartInput = {
  title: 'Views',
  times: [0, 3600, 7200],
  series: [{ label: 'Views', color: '--series-sky', values: [4, null, 2] }],
  interval: '1h',
  isOpen: true,
  kind: 'count',
  short: String,
};

it('parts the bucket that still fills from those that are certain, and leaves gaps', () => {
  assert.deepEqual(chartColumns(INPUT), [
    [0, 3600, 7200],
    [4, null, null],
    [null, null, 2],
  ]);
  assert.deepEqual(chartColumns({ ...INPUT, isOpen: false })[1], [4, null, 2]);
});

it('reads as a table', () => {
  const rows = chartRows(INPUT);
  assert.deepEqual(
    rows.map((row) => row.values),
    [[4], [null], [2]],
  );
  assert.deepEqual(
    rows.map((row) => row.isOpen),
    [false, false, true],
  );
  assert.equal(rows[1]!.time, '1970-01-01T01:00:00.000Z');
});

it('widens a dragged stretch to whole buckets', () => {
  assert.deepEqual(snapToBuckets(INPUT.times, 1800, 3700, 3_600_000), { from: 0, to: 7_200_000 });
  assert.deepEqual(snapToBuckets(INPUT.times, -5, 10, 3_600_000), { from: 0, to: 3_600_000 });
  assert.equal(snapToBuckets([], 0, 10, 3_600_000), null);
});
