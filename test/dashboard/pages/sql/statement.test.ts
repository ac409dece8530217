import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { keepInHistory, parametersOf, readHistory } from '../../../../dashboard/src/pages/sql/statement.ts';

describe('what a statement asks for', () => {
  it('is each parameter once, in order, with its type', () => {
    assert.deepEqual(parametersOf('SELECT {a:String}, { b : Array(UInt8) }, {a:String}'), [
      { name: 'a', type: 'String' },
      { name: 'b', type: 'Array(UInt8)' },
    ]);
  });

  it('is nothing that stands in a string or a comment', () => {
    const statement = `SELECT '{a:String}', 'it''s {b:String}' -- {c:String}\n/* {d:String} */ FROM events`;
    assert.deepEqual(parametersOf(statement), []);
  });
});

describe('what ran before', () => {
  function storage(text: string | null, full = false) {
    let kept = text;
    return {
      getItem: () => kept,
      setItem: (_: string, value: string) => {
        if (full) throw new Error('quota');
        kept = value;
      },
    } as unknown as Storage;
  }

  it('is kept latest first, each once, twenty at most', () => {
    const store = storage(null);
    for (let n = 0; n < 25; n++) keepInHistory(store, `SELECT ${n}`);
    keepInHistory(store, 'SELECT 20');
    const kept = readHistory(store);
    assert.deepEqual(
      [kept.length, kept[0], kept[1], kept.at(-1)],
      [20, 'SELECT 20', 'SELECT 24', 'SELECT 5'],
    );
  });

  it('is nothing where storage is forbidden, broken or full', () => {
    assert.deepEqual(readHistory(null), []);
    assert.deepEqual(readHistory(storage('{"no"')), []);
    assert.deepEqual(readHistory(storage('[1, "SELECT 1"]')), ['SELECT 1']);
    assert.deepEqual(keepInHistory(storage(null, true), 'SELECT 1'), ['SELECT 1']);
  });
});
