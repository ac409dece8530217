import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IdFilter } from '../../src/pipeline/id-filter.ts';

/** 64 mixed bits of a number (splitmix64). */
function mixed(n: number): [number, number] {
  let z = (BigInt(n) * 0x9e3779b97f4a7c15n) & 0xffffffffffffffffn;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & 0xffffffffffffffffn;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & 0xffffffffffffffffn;
  z ^= z >> 31n;
  return [Number(z & 0xffffffffn), Number(z >> 32n)];
}

test('it knows every id it was given, through its growth, and few others', () => {
  const filter = new IdFilter();
  const count = 200_000;
  assert.equal(filter.mayHave(...mixed(1)), false, 'empty');
  for (let n = 1; n <= count; n++) {
    filter.add(...mixed(n));
    assert.ok(filter.mayHave(...mixed(n)));
  }
  for (let n = 1; n <= count; n++) assert.ok(filter.mayHave(...mixed(n)), String(n));
  let wrong = 0;
  for (let n = count + 1; n <= count * 2; n++) if (filter.mayHave(...mixed(n))) wrong++;
  assert.ok(wrong / count < 0.0005, `${wrong} of ${count} taken for known`);
});

test('it takes three bytes an id, once it is full', () => {
  const filter = new IdFilter();
  assert.equal(filter.bytes, 0);
  for (let n = 1; n <= 40_960; n++) filter.add(...mixed(n));
  assert.equal(filter.bytes, 131_072);
  filter.add(...mixed(0));
  assert.equal(filter.bytes, 131_072 * 5);
});

test('one that is told how many ids will come has them in one part, whatever their number', () => {
  const filter = new IdFilter(123_457);
  for (let n = 1; n <= 123_457; n++) filter.add(...mixed(n));
  assert.ok(Math.abs(filter.bytes / 123_457 - 3.2) < 0.01, `${filter.bytes} bytes`);
  for (let n = 1; n <= 123_457; n++) assert.ok(filter.mayHave(...mixed(n)), String(n));
});
