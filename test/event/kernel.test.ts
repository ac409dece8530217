/** The rules of reading, each held against both kernels. The differential test holds the kernels together beyond them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventLimits } from '../../src/event/event.ts';
import { type BlockBuilder, rowFlag } from '../../src/event/kernel.ts';
import { blockOf, kernels, scannedEvents, scanText, verdictCodes } from './kernels.ts';
import { testNow } from './random-events.ts';

const iso = new Date(testNow).toISOString();
const deep = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
const manyKeys = (keys: number) => `{${Array.from({ length: keys }, (_, i) => `"k${i}":0`).join(',')}}`;
const long = (bytes: number) => `{"a":"${'x'.repeat(bytes - 8)}"}`;

/** One event and its verdict; null when it is good. */
const verdicts: readonly (readonly [rule: string, event: string, code: string | null])[] = [
  ['a name is enough', '{"event_name":"a"}', null],
  ['a name is needed', '{"user_id":"u"}', 'missing_event_name'],
  ['null is no name', '{"event_name":null}', 'missing_event_name'],
  ['an empty name', '{"event_name":""}', 'invalid_event_name'],
  ['a number as name', '{"event_name":1}', 'invalid_event_name'],
  ['200 characters of two bytes', `{"event_name":"${'é'.repeat(200)}"}`, null],
  ['200 characters of four bytes', `{"event_name":"${'😀'.repeat(200)}"}`, null],
  ['201 characters', `{"event_name":"${'é'.repeat(201)}"}`, 'invalid_event_name'],
  ['an array as event', '[]', 'not_an_object'],
  ['a string as event', '"a"', 'not_an_object'],
  ['an object as id', '{"event":"a","event_id":{}}', 'invalid_event_id'],
  ['true as user', '{"event":"a","user_id":true}', 'invalid_field'],
  ['a number as user', '{"event":"a","user_id":12}', null],
  ['256 bytes of user', `{"event":"a","user_id":"${'é'.repeat(128)}"}`, null],
  ['257 bytes of user', `{"event":"a","user_id":"${'é'.repeat(128)}x"}`, 'field_too_long'],
  ['257 bytes of id', `{"event":"a","messageId":"${'x'.repeat(257)}"}`, 'field_too_long'],
  ['a key twice', '{"event":"a","user_id":"u","user_id":"u"}', 'duplicate_key'],
  ['a key twice, once escaped', '{"event":"a","user_id":"u","user\\u005fid":"u"}', 'duplicate_key'],
  ['a key twice, once null', '{"event":"a","user_id":"u","user_id":null}', null],
  ['an unknown key twice', '{"event":"a","foo":1,"foo":2}', null],
  ['no moment', '{"event":"a","timestamp":"yesterday"}', 'invalid_timestamp'],
  ['a day that is not', '{"event":"a","timestamp":"2026-02-30T00:00:00Z"}', 'invalid_timestamp'],
  [
    'ten digits of a second',
    '{"event":"a","timestamp":"2026-11-23T02:13:20.1234567890Z"}',
    'invalid_timestamp',
  ],
  ['two points in a moment', '{"event":"a","timestamp":"1\\u0037.9.5"}', 'invalid_timestamp'],
  ['true as moment', '{"event":"a","timestamp":true}', 'invalid_timestamp'],
  ['too old', `{"event":"a","timestamp":${testNow - 31 * 86_400_000}}`, 'timestamp_too_old'],
  ['too far ahead', `{"event":"a","timestamp":${testNow + 86_400_001}}`, 'timestamp_in_future'],
  ['just not too far ahead', `{"event":"a","timestamp":${testNow + 86_400_000}}`, null],
  ['ahead by its own clock only', `{"event":"a","ts":${testNow + 1e9},"sent_at":${testNow + 1e9}}`, null],
  ['an unreadable time of sending', '{"event":"a","sent_at":"soon"}', null],
  ['an array as properties', '{"event":"a","properties":[]}', 'invalid_properties'],
  ['the most bytes', `{"event":"a","properties":${long(eventLimits.objectBytesMax)}}`, null],
  [
    'one byte more',
    `{"event":"a","properties":${long(eventLimits.objectBytesMax + 1)}}`,
    'properties_too_large',
  ],
  ['8 levels', `{"event":"a","properties":${deep(8)}}`, null],
  ['9 levels', `{"event":"a","properties":${deep(9)}}`, 'properties_too_deep'],
  ['255 keys', `{"event":"a","properties":${manyKeys(255)}}`, null],
  ['256 keys', `{"event":"a","properties":${manyKeys(256)}}`, 'properties_too_many_keys'],
  [
    '255 keys and a stranger',
    `{"event":"a","foo":1,"properties":${manyKeys(255)}}`,
    'properties_too_many_keys',
  ],
  ['255 keys and a stranger among them', `{"event":"a","k7":1,"properties":${manyKeys(255)}}`, null],
  ['a stranger of 8 levels', `{"event":"a","foo":${deep(8)}}`, 'properties_too_deep'],
  [
    'the most bytes and a stranger',
    `{"event":"a","foo":1,"properties":${long(eventLimits.objectBytesMax - 7)}}`,
    'properties_too_large',
  ],
  [
    'the most bytes, a stranger among them',
    `{"event":"a","foo":1,"properties":${long(eventLimits.objectBytesMax - 8)}}`,
    null,
  ],
  ['a string as context', '{"event":"a","context":"web"}', 'invalid_context'],
  ['large context', `{"event":"a","metadata":${long(eventLimits.objectBytesMax + 1)}}`, 'context_too_large'],
  ['deep context', `{"event":"a","context":${deep(9)}}`, 'context_too_deep'],
  ['a context of many keys', `{"event":"a","context":${manyKeys(256)}}`, 'context_too_many_keys'],
  [
    'the first problem by field order',
    '{"context":1,"properties":1,"user_id":{},"event":1}',
    'invalid_event_name',
  ],
  ['a double before all of them', '{"event":1,"user_id":{},"user_id":{}}', 'duplicate_key'],
];

/** Moments as written, and what they are; receipt is testNow. */
const moments: readonly (readonly [written: string, at: number])[] = [
  [`"${iso}"`, testNow],
  ['"2026-11-23T02:13:20Z"', Date.UTC(2026, 10, 23, 2, 13, 20)],
  ['"2026-11-23T02:13:20.9876543Z"', Date.UTC(2026, 10, 23, 2, 13, 20, 987)],
  ['"2026-11-23T02:13:20.5+02:30"', Date.UTC(2026, 10, 22, 23, 43, 20, 500)],
  ['"2026-11-23T02:13:20-0100"', Date.UTC(2026, 10, 23, 3, 13, 20)],
  ['"2026-11-23T02:13:20.123456"', Date.UTC(2026, 10, 23, 2, 13, 20, 123)],
  ['"2026-11-23 02:13:20"', Date.UTC(2026, 10, 23, 2, 13, 20)],
  ['"2026-11-23T02:13"', Date.UTC(2026, 10, 23, 2, 13)],
  ['"2026-11-23"', Date.UTC(2026, 10, 23)],
  ['"2024-02-29T12:00:00Z"', Date.UTC(2024, 1, 29, 12)],
  [String(Math.floor(testNow / 1000)), Math.floor(testNow / 1000) * 1000],
  ['1795400000.1234', 1795400000123],
  ['1795400000.1236', 1795400000124],
  ['"1795400000.\\u0031"', 1795400000100],
  [String(testNow), testNow],
  ['1795400000123.9', 1795400000123],
  [`${testNow}456`, testNow],
  [`"${testNow}"`, testNow],
  ['1.7954e12', 1795400000000],
];

function timestampOf(block: BlockBuilder): number | undefined {
  return block.rows === 1 ? block.timestamp[0] : undefined;
}

for (const kernel of kernels) {
  describe(`the ${kernel.kind} kernel`, () => {
    for (const [rule, event, code] of verdicts) {
      test(`judges ${rule}`, () => {
        // An event beside it, so that the body is good whatever the verdict.
        const scan = scanText(kernel, `[${event},{"event_name":"other"}]`);
        assert.equal(scan.error, null);
        assert.deepEqual(verdictCodes(scan.verdicts), code === null ? [] : [`0:${code}`]);
        if (code !== null) assert.equal(Buffer.from(scan.verdicts[0]!.raw).toString(), event);
        assert.equal(scan.accepted, code === null ? 2 : 1);
      });
    }

    for (const [written, at] of moments) {
      test(`reads the moment ${written}`, () => {
        const { block } = blockOf(kernel, `{"event":"a","timestamp":${written}}`);
        assert.equal(timestampOf(block), at);
        assert.equal(block.flags[0]! & rowFlag.hasTimestamp, rowFlag.hasTimestamp);
      });
    }

    test('takes the time of receipt when there is none, and repairs a wrong clock', () => {
      assert.equal(timestampOf(blockOf(kernel, '{"event":"a"}').block), testNow);
      const slow = testNow - 3_600_000;
      assert.equal(timestampOf(blockOf(kernel, `{"event":"a","ts":${slow - 10}}`, slow).block), testNow - 10);
      const own = `{"event":"a","ts":${slow - 10},"sentAt":${slow - 5}}`;
      assert.equal(timestampOf(blockOf(kernel, own, testNow).block), testNow - 5);
      const envelope = `{"events":[{"event":"a","ts":${slow - 10}}],"sent_at":${slow}}`;
      assert.equal(timestampOf(blockOf(kernel, envelope, testNow).block), testNow - 10);
    });

    test('judges age by a time of sending that stands behind the events', () => {
      const old = testNow - 40 * 86_400_000;
      const scan = scanText(kernel, `{"events":[{"event":"a","ts":${old}}],"sent_at":${old}}`);
      assert.deepEqual([scan.accepted, scan.sentAt], [1, old]);
      const tooOld = `{"events":[{"event":"a","ts":${testNow}},{"event":"b","ts":${old}}],"sent_at":${testNow - 1}}`;
      assert.deepEqual(verdictCodes(scanText(kernel, tooOld).verdicts), ['1:timestamp_too_old']);
      const month = 30 * 86_400_000;
      const justNot = `{"events":[{"event":"a","ts":${testNow - month}}],"sent_at":${testNow + 1}}`;
      assert.deepEqual(verdictCodes(scanText(kernel, justNot).verdicts), ['0:timestamp_too_old']);
      const ahead = scanText(kernel, `{"events":[{"event":"a","ts":${testNow}}],"sent_at":${old}}`);
      assert.deepEqual(verdictCodes(ahead.verdicts), ['0:timestamp_in_future']);
    });

    test('reads every form of a body', () => {
      const [a, b] = ['{"event":"a"}', '{"event":"b"}'];
      const forms = [
        `[${a},${b}]`,
        `{"events":[${a},${b}]}`,
        `${a}\n${b}\n`,
        `${a}\r\n\r\n${b}`,
        `${a}${b}`,
        `\ufeff \n[ ${a} , ${b} ] `,
      ];
      for (const body of forms) {
        assert.deepEqual(
          scannedEvents(scanText(kernel, body)).map((event) => event.event),
          ['a', 'b'],
          body,
        );
      }
      assert.equal(scanText(kernel, '{\n "event": "a"\n}\n').accepted, 1);
      const followed = scanText(kernel, '{"events":[{"event":"a"}]}\nx');
      assert.deepEqual(verdictCodes(followed.verdicts), ['0:missing_event_name', '1:invalid_json']);
      const named = scanText(kernel, '{"events":[{"event":"a"},{"event":"b"}],"name":"x"}');
      assert.deepEqual([named.count, named.accepted], [1, 1], 'with a name it is an event');
      assert.equal(scanText(kernel, '{"event":"a","events":[]}').accepted, 1, 'with a name it is an event');
    });

    test('refuses a body as a whole', () => {
      const bodies = [
        ['', 'empty_batch'],
        [' [ ] ', 'empty_batch'],
        ['{"events":[]}', 'empty_batch'],
        ['[{"event":"a"},{"event":]', 'invalid_json'],
        ['[{"event":"a"}', 'invalid_json'],
        ['[{"event":"a"}] x', 'invalid_json'],
        ['{"events":[{"event":"a"}],', 'invalid_json'],
        ['{"event":"a"', 'invalid_json'],
        ['{"event":01}', 'invalid_json'],
        ['{"event":"a\tb"}', 'invalid_json'],
        ['{"event":"a\u0000"}', 'invalid_json'],
        ['nonsense', 'invalid_json'],
        [`[${'{"event":"a"},'.repeat(1000)}{"event":"a"}]`, 'too_many_events'],
      ] as const;
      for (const [body, code] of bodies) {
        const scan = scanText(kernel, body);
        assert.deepEqual(
          [scan.error?.code, scan.accepted, scan.lines.length],
          [code, 0, 0],
          body.slice(0, 40),
        );
      }
      const latin1 = kernel.scanner.scan(Buffer.from('{"event":"\xe9"}', 'latin1'), { ...noOptions });
      assert.equal(latin1.error?.code, 'invalid_utf8');
      assert.equal(scanText(kernel, `[${Array(1000).fill('{"event":"a"}').join(',')}]`).accepted, 1000);
    });

    test('leaves nothing behind of a body that breaks in its middle', () => {
      const block = kernel.createBlockBuilder();
      const record = { receivedAt: testNow, sentAt: null, app: 'shop', partition: 0, offset: 0 };
      block.add({ ...record, value: Buffer.from('{"event":"kept"}') }, null);
      const before = [block.bytes, block.text.size];
      const { bad, events } = block.add(
        { ...record, value: Buffer.from('[{"event":"x","user_id":"u"},{]') },
        null,
      );
      assert.deepEqual([verdictCodes(bad), events, block.rows], [['0:invalid_json'], 1, 1]);
      assert.deepEqual([block.bytes, block.text.size], before);
    });

    test('gives one verdict to a bad line and goes on with the next', () => {
      const body = '{"event":"a"}\n{"event":"b",}\n{"event":"c"\n{"event":"d"}\nfoo bar\n{"event":"e"}';
      const scan = scanText(kernel, body);
      assert.deepEqual(
        scannedEvents(scan).map((event) => event.event),
        ['a', 'd', 'e'],
      );
      assert.deepEqual(verdictCodes(scan.verdicts), ['1:invalid_json', '2:invalid_json', '4:invalid_json']);
      assert.equal(Buffer.from(scan.verdicts[1]!.raw).toString(), '{"event":"c"');
      const first = '{"event":\n{"event":"b"}\n';
      assert.equal(scanText(kernel, first).accepted, 1, 'a whole second line makes it NDJSON');
      assert.equal(scanText(kernel, '{"event":\n{"event":\n{"event":"c"}').error?.code, 'invalid_json');
      assert.equal(scanText(kernel, '{"event":\n{"event":\n{"event":"c"}', { mode: 'ndjson' }).accepted, 1);
      assert.equal(scanText(kernel, 'junk\n{"event":"c"}', { mode: 'ndjson' }).accepted, 1);
      const envelope = '{"events":[{"event":"a"}\n{"event":"b"}\n]}';
      assert.equal(scanText(kernel, envelope).error?.code, 'invalid_json');
    });

    test('injects ids and a default name, once, and leaves the rest as it was written', () => {
      const scan = scanText(
        kernel,
        '[{ "a":1.50, "event":"x"},{"user_id":"u"},{"event_id":null,"event":"y"},{}]',
        {
          defaultName: 'session_start',
        },
      );
      const id = (n: number) => `00000000-0000-0000-0000-${String(n).padStart(12, '0')}`;
      assert.deepEqual(Buffer.from(scan.lines).toString().split('\n'), [
        `{"event_id":"${id(1)}", "a":1.50, "event":"x"}`,
        `{"event_id":"${id(2)}","event_name":"session_start","user_id":"u"}`,
        `{"event_id":"${id(3)}","event":"y"}`,
        `{"event_id":"${id(4)}","event_name":"session_start"}`,
        '',
      ]);
      assert.deepEqual(scan.firstIds, [id(1)]);
      assert.deepEqual([...scan.lineEnd], [...lineEnds(Buffer.from(scan.lines))]);
    });

    test('makes one line of a pretty-printed event', () => {
      const scan = scanText(kernel, '{\r\n  "event_id": "x",\n  "event": "a\\nb"\n}');
      assert.equal(Buffer.from(scan.lines).toString(), '{    "event_id": "x",   "event": "a\\nb" }\n');
    });
  });
}

const noOptions = {
  receivedAt: testNow,
  mode: 'auto',
  defaultName: null,
  maxEvents: 1000,
  oldestAllowed: 0,
  newestAllowed: 8e15,
  nextIds: (n: number) => new Uint8Array(16 * n),
  sentAt: null,
} as const;

function* lineEnds(lines: Buffer): Generator<number> {
  for (let at = lines.indexOf(10); at >= 0; at = lines.indexOf(10, at + 1)) yield at + 1;
}
