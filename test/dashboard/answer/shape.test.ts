import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pictureOf } from '../../../dashboard/src/answer/shape.ts';

type Columns = readonly (readonly [name: string, type: string])[];

function picture(columns: Columns, rows: (string | number | null)[][]) {
  return pictureOf({
    columns: columns.map(([name, type]) => ({ name, type })),
    rows,
  });
}

const HOUR = ['hour', "DateTime('UTC')"] as const;

describe('the picture of an answer', () => {
  it('is a line a number over time, in the order of time', () => {
    const found = picture(
      [HOUR, ['events', 'UInt64'], ['rate', 'Nullable(Float64)']],
      [
        ['2026-05-15 13:00:00', '9007199254740993', 0.5],
        ['2026-05-15 12:00:00', 2, null],
      ],
    );
    assert.equal(found.kind, 'lines');
    if (found.kind !== 'lines') return;
    assert.deepEqual(found.input.times, [1778846400, 1778850000]);
    assert.deepEqual(
      found.input.series.map(({ label, values }) => [label, values]),
      [
        ['events', [2, 9007199254740992]],
        ['rate', [null, 0.5]],
      ],
    );
    assert.deepEqual([found.input.interval, found.input.kind], ['1h', 'decimal']);
  });

  it('is a line a name where there is one name and one number, with gaps where a name is missing', () => {
    const found = picture(
      [
        ['day', 'Date'],
        ['app', 'LowCardinality(String)'],
        ['n', 'UInt64'],
      ],
      [
        ['2026-05-15', 'a', 1],
        ['2026-05-16', 'a', 2],
        ['2026-05-16', 'b', 3],
      ],
    );
    assert.equal(found.kind, 'lines');
    if (found.kind !== 'lines') return;
    assert.deepEqual(
      found.input.series.map(({ label, values }) => [label, values]),
      [
        ['a', [1, 2]],
        ['b', [null, 3]],
      ],
    );
    assert.equal(found.input.interval, '1d');
  });

  it('is bars by name elsewhere, and for more names than colours', () => {
    const named = picture(
      [
        ['video', 'String'],
        ['n', 'UInt64'],
      ],
      [
        ['a', 1],
        ['', 2],
      ],
    );
    assert.deepEqual(named.kind === 'bars' && named.rows.map(({ label, value }) => [label, value]), [
      ['a', 1],
      ['(empty)', 2],
    ]);
    const many = Array.from({ length: 8 }, (_, i) => ['2026-05-15', `app ${i}`, i]);
    many.push(['2026-05-16', 'app 0', 1]);
    assert.equal(
      picture(
        [
          ['day', 'Date'],
          ['app', 'String'],
          ['n', 'UInt8'],
        ],
        many,
      ).kind,
      'bars',
    );
  });

  it('is none of one row, of no number, of two values at one moment alone, of what is below zero', () => {
    assert.equal(picture([['n', 'UInt64']], [[1]]).kind, 'none');
    assert.equal(picture([['a', 'String']], [['x'], ['y']]).kind, 'none');
    const twice = [
      ['2026-05-15 12:00:00', 1],
      ['2026-05-15 12:00:00', 2],
    ];
    assert.equal(picture([HOUR, ['n', 'UInt64']], twice).kind, 'none');
    assert.equal(
      picture(
        [
          ['a', 'String'],
          ['n', 'Int64'],
        ],
        [
          ['x', -1],
          ['y', 2],
        ],
      ).kind,
      'none',
    );
  });
});
