import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextOrder, type Order, orderRows } from '../../../dashboard/src/answer/order.ts';
import type { SqlCell } from '../../../dashboard/src/data/types.ts';

const TEXT = { name: 'title', type: 'String' };
const COUNT = { name: 'views', type: 'UInt64' };

function ordered(type: string, cells: readonly SqlCell[], direction: Order['direction']): SqlCell[] {
  const answer = { columns: [{ name: 'c', type }], rows: cells.map((cell) => [cell]) };
  return orderRows(answer, { column: 'c', direction }).map(([cell]) => cell!);
}

test('a click asks for the largest numbers, or the first letters; then the reverse; then the order of the answer', () => {
  const numbers = nextOrder(null, COUNT);
  assert.deepEqual(numbers, { column: 'views', direction: 'descending' });
  assert.deepEqual(nextOrder(numbers, COUNT), { column: 'views', direction: 'ascending' });
  assert.equal(nextOrder(nextOrder(numbers, COUNT), COUNT), null);
  assert.deepEqual(nextOrder(numbers, TEXT), { column: 'title', direction: 'ascending' });
});

test('numbers go by value, also those beyond a double', () => {
  assert.deepEqual(ordered('UInt8', [2, 10, 1], 'ascending'), [1, 2, 10]);
  const big = ['9007199254740993', '9007199254740992', '-5'];
  assert.deepEqual(ordered('Int64', big, 'descending'), big);
});

test('texts go by letter, numbers in them by value', () => {
  assert.deepEqual(ordered('String', ['item 10', 'Item 9', 'apple'], 'ascending'), [
    'apple',
    'Item 9',
    'item 10',
  ]);
});

test('cells without a value come last either way, and the same value keeps its place', () => {
  assert.deepEqual(ordered('Nullable(UInt8)', [null, 1, 2], 'ascending'), [1, 2, null]);
  assert.deepEqual(ordered('Nullable(UInt8)', [null, 1, 2], 'descending'), [2, 1, null]);
  const rows = [
    ['b', 1],
    ['a', 1],
    ['c', 2],
  ];
  assert.deepEqual(
    orderRows({ columns: [TEXT, COUNT], rows }, { column: 'views', direction: 'ascending' }).map(
      ([name]) => name,
    ),
    ['b', 'a', 'c'],
  );
});

test('without an order, or by a column that is no longer there, rows stay as they came', () => {
  const rows = [['b'], ['a']];
  assert.equal(orderRows({ columns: [TEXT], rows }, null), rows);
  assert.equal(orderRows({ columns: [TEXT], rows }, { column: 'gone', direction: 'ascending' }), rows);
});
