import assert from 'node:assert/strict';
import { it } from 'node:test';
import { spellCsv } from '../../../dashboard/src/format/csv.ts';

it('quotes what needs quotes and disarms formulas', () => {
  const text = spellCsv([
    ['title', 'views'],
    ['Salt, "slowly"', 12],
    ['=1+1', null],
  ]);
  assert.equal(text, 'title,views\r\n"Salt, ""slowly""",12\r\n\'=1+1,\r\n');
});
