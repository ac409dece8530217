import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Paths } from '../../../../dashboard/src/data/types-retention.ts';
import { columnsOf, neighboursOf } from '../../../../dashboard/src/pages/paths/flow.ts';

const FORTH: Paths = {
  by: 'page',
  start: '/',
  end: null,
  nodes: [
    { step: 2, name: '/b', sessions: 2 },
    { step: 1, name: '/', sessions: 9 },
    { step: 2, name: '/a', sessions: 2 },
    { step: 3, name: '/', sessions: 1 },
  ],
  links: [
    { step: 1, from: '/', to: '/a', sessions: 2 },
    { step: 1, from: '/', to: '/b', sessions: 2 },
    { step: 2, from: '/a', to: '/', sessions: 1 },
  ],
};
/** `/a` and `/b` lead to `/`, which is the end. */
const BACK: Paths = {
  ...FORTH,
  start: null,
  end: '/',
  links: [
    { step: 1, from: '/a', to: '/', sessions: 2 },
    { step: 2, from: '/', to: '/a', sessions: 1 },
  ],
};

describe('the columns of paths', () => {
  it('are the steps in the order of time, each by sessions', () => {
    const columns = columnsOf(FORTH);
    assert.deepEqual(
      columns.map(({ step, sessions, nodes }) => [step, sessions, nodes.map(({ name }) => name)]),
      [
        [1, 9, ['/']],
        [2, 4, ['/a', '/b']],
        [3, 1, ['/']],
      ],
    );
    assert.deepEqual(
      columns[0]!.nodes.map(({ onward }) => onward),
      [4],
    );
    assert.deepEqual(
      columns[1]!.nodes.map(({ onward }) => onward),
      [1, 0],
    );
  });

  it('end with the end', () => {
    const columns = columnsOf(BACK);
    assert.deepEqual(
      columns.map(({ step }) => step),
      [3, 2, 1],
    );
    assert.deepEqual(
      columns[2]!.nodes.map(({ name, onward }) => [name, onward]),
      [['/', 2]],
    );
  });
});

describe('the neighbours of a node', () => {
  it('are those before and behind it', () => {
    const found = neighboursOf(FORTH, { step: 2, name: '/a', sessions: 2 });
    assert.deepEqual([...found].sort(), [
      ['1 /', 2],
      ['3 /', 1],
    ]);
  });

  it('are found back from the end as well', () => {
    const found = neighboursOf(BACK, { step: 2, name: '/a', sessions: 2 });
    assert.deepEqual([...found].sort(), [
      ['1 /', 2],
      ['3 /', 1],
    ]);
  });
});
