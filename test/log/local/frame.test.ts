import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import {
  GroupEncoder,
  isFrameIntact,
  readFrameLength,
  readGroupOffset,
  readRecord,
} from '../../../src/log/local/frame.ts';
import type { NewRecord } from '../../../src/log/log.ts';

const texts = fc.string({ unit: 'grapheme', maxLength: 60 });
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 100 }),
  fc.uint8Array({ minLength: 4_000, maxLength: 4_200 }),
);
const records: fc.Arbitrary<NewRecord> = fc.record({
  partition: fc.constant(3),
  key: fc.option(fc.uint8Array({ maxLength: 20 })),
  headers: fc.array(fc.tuple(texts, texts), { maxLength: 5 }),
  value: bytes,
  timestamp: fc.integer({ min: 0, max: 2 ** 45 }),
});

it('a group of any records is read back as it was, one frame behind the other', () => {
  const encoder = new GroupEncoder();
  fc.assert(
    fc.property(fc.array(records, { minLength: 1, maxLength: 6 }), fc.maxSafeNat(), (group, offset) => {
      const first = Math.min(offset, Number.MAX_SAFE_INTEGER - 10);
      const encoded = encoder.encode(group, first);
      const file = Buffer.concat(encoded.buffers);
      assert.equal(file.length, encoded.bytes);
      let at = 0;
      group.forEach((record, i) => {
        assert.equal(encoded.positions[i], at);
        const length = readFrameLength(file, at);
        assert.ok(isFrameIntact(file, at, length));
        assert.equal(readGroupOffset(file, at), first);
        const found = readRecord(file, at, length, 3);
        const key = found.key && Uint8Array.from(found.key);
        assert.deepEqual(
          { ...found, key, value: Uint8Array.from(found.value) },
          { ...record, offset: first + i },
        );
        at += length;
      });
      assert.equal(at, file.length);
    }),
  );
});

it('no flipped bit goes unseen', () => {
  const record = {
    partition: 0,
    key: null,
    headers: [['a', 'b'] as const],
    value: Buffer.from('value'),
    timestamp: 1,
  };
  const file = Buffer.concat(new GroupEncoder().encode([record], 7).buffers);
  for (let bit = 0; bit < file.length * 8; bit++) {
    const copy = Buffer.from(file);
    copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
    const length = readFrameLength(copy, 0);
    assert.ok(length < 0 || length > copy.length || !isFrameIntact(copy, 0, length), `bit ${bit}`);
  }
});
