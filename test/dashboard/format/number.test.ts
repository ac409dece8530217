import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  bandwidth,
  bytes,
  change,
  duration,
  percent,
  shortNumber,
} from '../../../dashboard/src/format/number.ts';

/** Narrow spaces are written as plain ones here, so that the table can be read. */
const plain = (text: string): string => text.replaceAll('\u202f', ' ');

it('shortens numbers', () => {
  const cases: [number, string][] = [
    [0, '0'],
    [0.25, '0.25'],
    [12.5, '12.5'],
    [7, '7'],
    [9_999, '9,999'],
    [12_431, '12.4k'],
    [99_960, '100k'],
    [999_499, '999k'],
    [999_600, '1M'],
    [1_204_551, '1.2M'],
    [48_211_904_000, '48.2B'],
    [-12_431, '−12.4k'],
  ];
  for (const [value, text] of cases) assert.equal(shortNumber(value), text);
});

it('writes durations, shares, rates and sizes with their units', () => {
  assert.equal(plain(duration(12)), '12 s');
  assert.equal(plain(duration(3_599)), '59 m 59 s');
  assert.equal(plain(duration(3_720)), '1 h 02 m');
  assert.equal(plain(duration(13_320_000)), '3,700 h');
  assert.equal(plain(percent(0.1234)), '12.3 %');
  assert.equal(plain(percent(0.0042)), '0.42 %');
  assert.equal(plain(percent(1)), '100 %');
  assert.equal(plain(bandwidth(5.93)), '5.9 Gbit/s');
  assert.equal(plain(bandwidth(0.0048)), '4.8 Mbit/s');
  assert.equal(plain(bytes(812_400_112)), '812 MB');
});

it('says how a figure changed, and nothing where there was nothing before', () => {
  assert.equal(plain(change(110, 100)!.text), '+10 %');
  assert.equal(plain(change(95, 100)!.text), '−5.0 %');
  assert.equal(change(100, 100)!.direction, 'same');
  assert.equal(change(5, 0), null);
  assert.equal(change(null, 5), null);
});
