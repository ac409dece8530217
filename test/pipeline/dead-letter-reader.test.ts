import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Header, LogRecord, NewRecord, Topic } from '../../src/log/log.ts';
import { buryDead, DEAD_LETTER_BYTES_MAX } from '../../src/pipeline/dead-letter.ts';
import { readLetter } from '../../src/pipeline/dead-letter-reader.ts';
import { writeDeadLetters } from '../../src/store/dead-letters.ts';
import { batchOf, NOON, openTables, recordOf, TOPIC, uuid7 } from './rig.ts';

function topicOf(partitions: number): { topic: Topic; records: NewRecord[] } {
  const records: NewRecord[] = [];
  const append = async (more: readonly NewRecord[]) => void records.push(...more);
  return { topic: { name: 'dlq', partitions, append } as unknown as Topic, records };
}

const letterOf = (headers: readonly Header[], value = '{}'): LogRecord => ({
  partition: 1,
  offset: 8,
  key: null,
  headers,
  value: Buffer.from(value),
  timestamp: NOON,
});

const SOURCE = { name: TOPIC, origin: `${TOPIC}@here` };

test('what a batch refused is buried with its place and its bytes, twice under the same id', async () => {
  const { topic, records } = topicOf(2);
  const good = { event_id: uuid7(1), event_name: 'x', timestamp: NOON };
  const bytes = `{"app_id":"kids","event_id":"mine","event_name":7,"long":"${'x'.repeat(DEAD_LETTER_BYTES_MAX)}"}`;
  const batch = () =>
    batchOf([recordOf(5, [good, { ...good, user_id: 'else' }, bytes, '{"'], { receivedAt: NOON + 1 })]);
  await buryDead(batch(), SOURCE, topic);
  await buryDead(batch(), SOURCE, topic);
  const letters = records.map((record, offset) => readLetter({ ...record, offset }));
  assert.equal(letters.length, 6);
  assert.deepEqual(letters.slice(3), letters.slice(0, 3));
  const byIndex = letters.slice(0, 3).toSorted((a, b) => a.sourceIndex - b.sourceIndex);
  assert.deepEqual(
    byIndex.map(({ reason, sourceIndex, truncated }) => [sourceIndex, reason, truncated]),
    [
      [1, 'id_collision', false],
      [2, 'invalid_event_name', true],
      [3, 'invalid_json', false],
    ],
  );
  const [collision, , broken] = byIndex;
  assert.deepEqual(
    [
      collision!.sourceTopic,
      collision!.sourcePartition,
      collision!.sourceOffset,
      collision!.receivedAt,
      collision!.app,
    ],
    [TOPIC, 0, 5, NOON + 1, 'tube'],
  );
  assert.equal(collision!.eventId, uuid7(1));
  assert.equal(broken!.payload, '{"');
  assert.equal(new Set(byIndex.map((letter) => letter.id)).size, 3);
  assert.ok(
    records.every((record) => record.partition === 1 && record.value.length <= DEAD_LETTER_BYTES_MAX),
  );
});

test('what a replay cannot tell from the event itself goes along; a collision is of repaired time already', async () => {
  const { topic, records } = topicOf(1);
  const record = recordOf(0, [
    { event_id: uuid7(1), event_name: 'x' },
    { event_id: uuid7(1), event_name: 'y' },
    {},
  ]);
  const headers: Header[] = [
    ...record.headers,
    ['ua', 'agent'],
    ['country', 'DE'],
    ['sent_at', String(NOON - 5)],
  ];
  await buryDead(batchOf([{ ...record, headers }]), SOURCE, topic);
  const letters = records.map((buried, offset) => readLetter({ ...buried, offset }));
  assert.deepEqual(
    letters
      .map(({ reason, userAgent, country, sentAt }) => [reason, userAgent, country, sentAt])
      .toSorted(([a], [b]) => (a! < b! ? -1 : 1)),
    [
      ['id_collision', 'agent', 'DE', -1],
      ['missing_event_name', 'agent', 'DE', NOON - 5],
    ],
  );
});

test('a batch without dead letters appends nothing', async () => {
  const { topic, records } = topicOf(1);
  await buryDead(batchOf([recordOf(0, [{ event_name: 'x' }])]), SOURCE, topic);
  assert.deepEqual(records, []);
});

test('a letter of a foreign hand: what it does not say, or says wrongly, is told apart from what it says', () => {
  const bare = readLetter(letterOf([], 'not json'));
  const { id, ...rest } = bare;
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.deepEqual(rest, {
    reason: 'unknown',
    detail: '',
    sourceTopic: '',
    sourcePartition: -1,
    sourceOffset: -1,
    sourceIndex: -1,
    sourcePath: '',
    app: '',
    eventId: '',
    payload: 'not json',
    userAgent: '',
    country: '',
    sentAt: -1,
    truncated: false,
    receivedAt: NOON,
  });
  const names = ['partition', 'offset', 'index', 'received_at'];
  const nonsense = readLetter(letterOf(names.map((name) => [`dlq.${name}`, 'soon'])));
  assert.deepEqual(
    [nonsense.sourcePartition, nonsense.sourceOffset, nonsense.sourceIndex, nonsense.receivedAt],
    [-1, -1, -1, NOON],
  );
  assert.equal(readLetter(letterOf([['dlq.app', 'kids']], '{"app_id":7}')).app, 'kids');
  assert.equal(readLetter(letterOf([['dlq.app', 'kids']], '{"app_id":"tube"}')).app, 'tube');
  assert.notEqual(readLetter({ ...letterOf([]), offset: 9 }).id, id);
});

test('any of them can be stored, and one that is stored again replaces itself', async () => {
  const { client } = await openTables();
  const letters = [
    readLetter(letterOf([])),
    readLetter({ ...letterOf([['dlq.offset', '1e99']]), offset: 9 }),
    readLetter(
      letterOf(
        [
          ['dlq.id', uuid7(1)],
          ['dlq.reason', "it's"],
          ['dlq.truncated', 'true'],
        ],
        '\u0000🎬',
      ),
    ),
  ];
  for (const again of [1, 2]) await writeDeadLetters(client, letters, `dead-letters-test-${again}`, 30_000);
  const rows = await client.select<{ reason: string; payload: string; truncated: boolean }>(
    'SELECT reason, payload, truncated FROM dead_letters FINAL ORDER BY reason',
  );
  assert.deepEqual(rows, [
    { reason: "it's", payload: '\u0000🎬', truncated: true },
    { reason: 'unknown', payload: '{}', truncated: false },
    { reason: 'unknown', payload: '{}', truncated: false },
  ]);
});
