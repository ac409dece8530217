/** Records of other producers, and several topics at once: what becomes of each, and that no coordinate is another's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { coordinateEventId, formatUuid } from '../../src/event/kernel/uuid.ts';
import { openKernel } from '../../src/event/kernel/wasm.ts';
import type { Kernel } from '../../src/event/kernel.ts';
import type { StoreClient } from '../../src/store/client.ts';
import { createOctaneExample } from '../support/seeds.ts';
import { referenceKernel, uuid7 } from './rig.ts';
import { openSite, TOPICS } from './site.ts';

const kernels: readonly Kernel[] = [referenceKernel, await openKernel()];
const DAY = 86_400_000;

const event = (name: string, more: object = {}) =>
  JSON.stringify({ event_name: name, user_id: 'u', timestamp: new Date().toISOString(), ...more });

interface Stored {
  readonly place: string;
  readonly event_name: string;
  readonly app_id: string;
  readonly event_id: string;
}

async function stored(client: StoreClient): Promise<Stored[]> {
  return await client.select<Stored>(
    `SELECT concat(splitByChar('@', log_topic)[1], '/', toString(log_partition), '/', toString(log_offset), '/', toString(log_index)) AS place,
       event_name, app_id, event_id
     FROM events ORDER BY log_topic, log_partition, log_offset, log_index`,
  );
}

interface Letter {
  readonly place: string;
  readonly reason: string;
  readonly payload: string;
  readonly truncated: boolean;
  readonly id: string;
  readonly app_id: string;
}

async function letters(client: StoreClient): Promise<Letter[]> {
  return await client.select<Letter>(
    `SELECT concat(source_topic, '/', toString(source_partition), '/', toString(source_offset), '/', toString(source_index)) AS place,
       reason, payload, truncated, id, app_id
     FROM dead_letters FINAL ORDER BY source_offset, source_index`,
  );
}

const OCTANE = createOctaneExample();

for (const kernel of kernels) {
  test(`${kernel.kind}: every form of a record that holds events`, async (t) => {
    const site = await openSite(t, kernel);
    const topic = 'octane.events';
    const forms: [value: string | Uint8Array, names: string[]][] = [
      [JSON.stringify(OCTANE), ['video_buffering']],
      [JSON.stringify(OCTANE, null, 2), ['video_buffering']],
      [`\uFEFF\r\n ${JSON.stringify(OCTANE, null, '\t')}\r\n`, ['video_buffering']],
      [`[${event('a')},\n${event('b')}]`, ['a', 'b']],
      [JSON.stringify([JSON.parse(event('a'))], null, 2), ['a']],
      [`${event('a')}\n${event('b')}\n`, ['a', 'b']],
      [`${event('a')}\r\n\r\n${event('b')}`, ['a', 'b']],
      [`${event('a')}${event('b')}`, ['a', 'b']],
      [`{"events":[${event('a')},${event('b')}]}`, ['a', 'b']],
      [event('ünï 🎬'), ['ünï 🎬']],
    ];
    for (const [value] of forms) await site.put(topic, value);
    await site.drain(`${topic}=native:octane`);
    const rows = await stored(site.client);
    const expected = forms.flatMap(([, names], offset) =>
      names.map((name, index) => ({
        place: `${topic}/0/${offset}/${index}`,
        event_name: name,
        app_id: name === 'video_buffering' ? 'openstream' : 'octane',
        event_id: formatUuid(coordinateEventId(site.log.topic(topic).origin, 0, offset, index)),
      })),
    );
    assert.deepEqual(rows, expected);
    assert.deepEqual(await letters(site.client), []);
    const [octane] = await site.client.select<{ stream_id: string; user_id: string }>(
      "SELECT stream_id, user_id FROM events WHERE event_name = 'video_buffering' LIMIT 1",
    );
    assert.deepEqual(octane, { stream_id: 'st-998877', user_id: 'user_550e8400' });
  });

  test(`${kernel.kind}: what is no event becomes a dead letter with its reason, place and app`, async (t) => {
    const site = await openSite(t, kernel);
    const topic = 'octane.events';
    const old = event('old', { timestamp: Date.now() - 91 * DAY });
    const ahead = event('ahead', { timestamp: Date.now() + 2 * DAY });
    const bad: [value: string | Uint8Array, reason: string][] = [
      ['', 'invalid_json'],
      ['   \n', 'invalid_json'],
      ['null', 'invalid_json'],
      ['42', 'invalid_json'],
      ['"text"', 'invalid_json'],
      ['[]', 'invalid_json'],
      ['{"event_name":"a"', 'invalid_json'],
      [`[${event('a')},`, 'invalid_json'],
      ['not json', 'invalid_json'],
      [gzipSync(event('a')), 'invalid_json'],
      [Uint8Array.from({ length: 256 }, (_, i) => i), 'invalid_json'],
      // The Confluent wire format: a zero, a schema id, Avro.
      [Uint8Array.of(0, 0, 0, 0, 7, 12, 97, 98, 99), 'invalid_json'],
      ['{}', 'missing_event_name'],
      ['[17]', 'not_an_object'],
      [old, 'timestamp_too_old'],
      [ahead, 'timestamp_in_future'],
      [`[${event('a')}`.padEnd(10 * 2 ** 20, ' '), 'invalid_json'],
    ];
    for (const [value] of bad) await site.put(topic, value);
    // Good neighbours of bad ones stand.
    await site.put(topic, `${event('good')}\n{"event_name":\n${event('fine')}`);
    await site.put(topic, `[${event('good')},{"event_name":""},${event('fine')}]`);
    await site.drain(`${topic}=native:octane`);

    const found = await letters(site.client);
    assert.deepEqual(
      found.map(({ place, reason }) => ({ place, reason })),
      [
        ...bad.map(([, reason], offset) => ({ place: `${topic}/0/${offset}/0`, reason })),
        { place: `${topic}/0/${bad.length}/1`, reason: 'invalid_json' },
        { place: `${topic}/0/${bad.length + 1}/1`, reason: 'invalid_event_name' },
      ],
    );
    for (const [offset, letter] of found.slice(0, bad.length).entries()) {
      assert.equal(letter.id, formatUuid(coordinateEventId(site.log.topic(topic).origin, 0, offset, 0)));
      assert.equal(letter.app_id, 'octane');
      const length = Buffer.byteLength(bad[offset]![0]);
      assert.equal(letter.truncated, length > 1_000_000);
    }
    assert.deepEqual(
      (await stored(site.client)).map((row) => row.event_name),
      ['good', 'fine', 'good', 'fine'],
    );
  });

  test(`${kernel.kind}: headers and times of other producers`, async (t) => {
    const site = await openSite(t, kernel);
    const topic = 'web';
    const before = Date.now();
    const bare = '{"event":"bare","userId":7}';
    await site.put(topic, bare, { timestamp: before - 60_000 });
    await site.put(topic, bare, { timestamp: -1 });
    await site.put(topic, bare, {
      headers: [
        ['app', 'told'],
        ['count', '99'],
        ['traceparent', 'x'],
        ['', '\u0000'],
      ],
    });
    await site.put(topic, '{"event":"bare","serviceId":"own"}', { headers: [['app', 'told']] });
    // A big one, in one record.
    const many = Array.from({ length: 20_000 }, (_, i) =>
      event('many', { event_id: uuid7(i), properties: { pad: 'x'.repeat(400) } }),
    );
    await site.put(topic, `[${many.join(',')}]`);
    await site.drain(topic);
    const rows = await site.client.select<{ app_id: string; at: number; received: number; n: number }>(
      `SELECT app_id, toUnixTimestamp64Milli(any(timestamp)) AS at, toUnixTimestamp64Milli(any(received_at)) AS received, count() AS n
       FROM events GROUP BY log_offset, app_id ORDER BY log_offset`,
    );
    assert.deepEqual(
      rows.map(({ app_id, n }) => [app_id, n]),
      [
        ['house', 1],
        ['house', 1],
        ['told', 1],
        ['own', 1],
        ['house', 20_000],
      ],
    );
    assert.deepEqual([rows[0]!.at, rows[0]!.received], [before - 60_000, before - 60_000]);
    assert.ok(
      rows[1]!.at >= before && rows[1]!.received === rows[1]!.at,
      'a record without a time was received now',
    );
    assert.deepEqual(await letters(site.client), []);
  });
}

test('topics with equal partitions and offsets do not meet, whatever order they are listed in', async (t) => {
  const kernel = kernels[1]!;
  const site = await openSite(t, kernel);
  const put = async (round: number) => {
    for (const topic of TOPICS)
      for (const partition of [0, 1])
        for (let i = 0; i < 3; i++)
          await site.put(topic, event(`r${round}`, { event_id: `${topic}/${partition}/${round}/${i}` }), {
            partition,
          });
  };
  await put(1);
  await site.drain(...TOPICS);
  await put(2);
  await site.drain(...TOPICS.toReversed());
  await put(3);
  await site.drain('web-1=native:w', 'octane.events', 'analytics.v1', 'web');
  const rows = await stored(site.client);
  assert.equal(rows.length, TOPICS.length * 2 * 9);
  assert.equal(new Set(rows.map((row) => row.place)).size, rows.length);
  for (const topic of TOPICS)
    for (const partition of [0, 1])
      assert.deepEqual(
        rows.filter((row) => row.place.startsWith(`${topic}/${partition}/`)).map((row) => row.place),
        Array.from({ length: 9 }, (_, i) => `${topic}/${partition}/${i}/0`),
      );
  const [ledger] = await site.client.select<{ received: number; stored: number }>(
    'SELECT sum(received) AS received, sum(stored) AS stored FROM ledger',
  );
  assert.deepEqual(ledger, { received: rows.length, stored: rows.length });

  // The worst start: another group has no commit at all, so that everything is read and found again, by topic.
  site.group = 'other';
  await site.drain(...TOPICS.toReversed());
  assert.deepEqual(await stored(site.client), rows);
});

test('whoever asks not to be tracked is left out, or stored without who it was, and the ledger balances', async (t) => {
  const one = (name: string, context: object) => event(name, { session_id: `of ${name}`, context });
  const sent = `[${[one('a', {}), one('b', { dnt: true }), one('c', { gpc: 1 }), one('d', {})].join(',')}]`;
  const found: Record<string, unknown> = {};
  for (const dnt of ['drop', 'anonymize'] as const) {
    const site = await openSite(t, kernels[1]!, { dnt });
    site.group = dnt;
    await site.put('web', sent);
    await site.drain('web');
    const rows = await site.client.select<Record<string, unknown>>(
      'SELECT event_name AS name, user_id AS user, session_id AS session FROM events ORDER BY log_index',
    );
    const [ledger] = await site.client.select<Record<string, number>>(
      'SELECT sum(received) AS received, sum(stored) AS stored, sum(filtered) AS filtered FROM ledger',
    );
    assert.deepEqual(await letters(site.client), []);
    found[dnt] = { rows: rows.map(({ name, user, session }) => `${name} ${user} ${session}`), ...ledger };
  }
  assert.deepEqual(found, {
    drop: { rows: ['a u of a', 'd u of d'], received: 4, stored: 2, filtered: 2 },
    anonymize: { rows: ['a u of a', 'b  ', 'c  ', 'd u of d'], received: 4, stored: 4, filtered: 0 },
  });
});
