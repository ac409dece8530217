import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coordinateEventId, formatUuid, readEventId } from '../../../src/event/kernel/uuid.ts';

test('keeps a UUID and makes a version 5 of any other text', () => {
  const id = '01a1fff3-ead1-7a65-8ada-1b072657a1ed';
  assert.equal(formatUuid(readEventId(id.toUpperCase())), id);
  assert.match(
    formatUuid(readEventId('order-1')),
    /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  assert.deepEqual(readEventId('order-1'), readEventId('order-1'));
  assert.notDeepEqual(readEventId('order-1'), readEventId('order-2'));
});

test('a place in the log has its own id, by topic too', () => {
  const ids = [
    coordinateEventId('', 1, 2, 3),
    coordinateEventId('', 1, 2, 4),
    coordinateEventId('t', 1, 2, 3),
    readEventId('1:2:3'),
  ].map(formatUuid);
  assert.equal(new Set(ids).size, ids.length);
});
