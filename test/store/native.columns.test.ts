import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventColumns } from '../../src/event/columns.ts';
import { BLOCK_TEXTS, createBlock } from '../../src/pipeline/block.ts';
import { EVENT_COLUMN_NAMES, encodeBlock } from '../../src/pipeline/encode.ts';
import { VIEW_BUCKET_COLUMNS, VIEW_COLUMNS } from '../../src/store/sql/views.ts';
import { batchOf, NOON, openTables, recordOf, TOPIC, uuid7 } from '../pipeline/rig.ts';

/** The server's own columns: it fills them, or they are other names of the others. */
const SERVERS = ['inserted_at', 'actor', 'event_type', 'metadata'];

test('the list of columns is the live table, by name, type and order', async () => {
  const { client } = await openTables();
  const live = await client.select<{ name: string; type: string; default_kind: string }>(
    "SELECT name, type, default_kind FROM system.columns WHERE database = currentDatabase() AND table = 'events' ORDER BY position",
  );
  const own = live.filter(({ default_kind }) => default_kind === '');
  assert.deepEqual(
    own.map(({ name, type }) => ({ name, type })),
    eventColumns.map(({ name, type }) => ({ name, type })),
  );
  assert.deepEqual(
    live.filter(({ default_kind }) => default_kind !== '').map(({ name }) => name),
    SERVERS,
  );
  assert.deepEqual(
    eventColumns.flatMap((column) => (column.encoding === 'text' ? [column.name] : [])),
    [...BLOCK_TEXTS],
  );
});

test('so are the lists of the view tables, but for the version', async () => {
  const { client } = await openTables();
  for (const [table, columns] of [
    ['view_buckets', VIEW_BUCKET_COLUMNS],
    ['views', VIEW_COLUMNS],
  ] as const) {
    const live = await client.select<{ name: string }>(
      `SELECT name FROM system.columns WHERE database = currentDatabase() AND table = '${table}' ORDER BY position`,
    );
    assert.deepEqual(
      live.map(({ name }) => name),
      [...columns, 'version'],
    );
  }
});

test('a block as the pipeline encodes it is read back column by column', async () => {
  const { client, store } = await openTables();
  const full = {
    event_id: uuid7(1),
    event_name: 'video_progress',
    app_id: 'kids',
    timestamp: NOON + 1,
    user_id: 'u',
    anonymous_id: 'a',
    session_id: 's',
    video_id: 'v',
    view_id: 'w',
    stream_id: 't',
    properties: {
      watch_ms: 1.5,
      duration: 2,
      bitrate_kbps: 3,
      completed: true,
      instant_skip: true,
      fatal: true,
    },
    context: {
      page: { path: '/p', referrer: 'https://r.example/' },
      campaign: { source: 's1', medium: 'm1', name: 'c1', term: 't1', content: 'o1' },
      device: 'tv',
      os: 'o',
      browser: 'b',
      country: 'NP',
    },
  };
  const empty = { event_id: uuid7(2), event_name: 'x' };
  const batch = batchOf([recordOf(5, [full, empty], { partition: 3, receivedAt: NOON + 7 })]);
  const leaseUntil = Date.now() + 60_000;
  const chunks = encodeBlock(createBlock(batch), leaseUntil);
  await store.insert(chunks, EVENT_COLUMN_NAMES, 'columns', 30_000);
  const [first, second] = await client.select<Record<string, unknown>>(
    `SELECT * EXCEPT (payload_hash, inserted_at, timestamp, received_at, lease_until), toUnixTimestamp64Milli(timestamp) AS timestamp,
       toUnixTimestamp64Milli(received_at) AS received_at, toUnixTimestamp64Milli(lease_until) AS lease_until,
       actor, event_type, metadata, payload_hash != 0 AS hashed FROM events ORDER BY log_index`,
  );
  const place = {
    received_at: NOON + 7,
    log_topic: TOPIC,
    log_partition: 3,
    log_offset: 5,
    lease_until: leaseUntil,
    hashed: 1,
  };
  assert.deepEqual(first, {
    app_id: 'kids',
    event_name: 'video_progress',
    timestamp: NOON + 1,
    event_id: uuid7(1),
    user_id: 'u',
    anonymous_id: 'a',
    session_id: 's',
    video_id: 'v',
    view_id: 'w',
    stream_id: 't',
    watch_ms: 1.5,
    duration_ms: 2_000,
    bitrate: 3_000,
    completed: true,
    instant_skip: true,
    fatal: true,
    page: '/p',
    // The steps make a host of it.
    referrer: 'https://r.example/',
    utm_source: 's1',
    utm_medium: 'm1',
    utm_campaign: 'c1',
    utm_term: 't1',
    utm_content: 'o1',
    device: 'tv',
    os: 'o',
    browser: 'b',
    country: 'NP',
    is_bot: false,
    session_assigned: false,
    properties: JSON.stringify(full.properties),
    context: JSON.stringify(full.context),
    log_index: 0,
    actor: 'u',
    event_type: 'video_progress',
    metadata: JSON.stringify(full.context),
    ...place,
  });
  const blank = Object.entries(second!).filter(
    ([, value]) => value !== '' && value !== null && value !== false,
  );
  assert.deepEqual(Object.fromEntries(blank), {
    app_id: 'tube',
    event_name: 'x',
    timestamp: NOON + 7,
    event_id: uuid7(2),
    properties: '{}',
    context: '{}',
    event_type: 'x',
    metadata: '{}',
    log_index: 1,
    ...place,
  });
});
