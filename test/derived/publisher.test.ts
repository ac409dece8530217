import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorId, readDerived, watchedId } from '../../src/derived/event.ts';
import { Publisher, type PublisherOptions, type Tenure } from '../../src/derived/publisher.ts';
import { openKernel } from '../../src/event/kernel/wasm.ts';
import { openLocalLog } from '../../src/log/local/local.ts';
import type { LogRecord, NewRecord, SoleWriter, Topic } from '../../src/log/log.ts';
import { DerivedStore } from '../../src/store/derived.ts';
import { createRandom } from '../oracle/random.ts';
import { NOON, TOPIC, uuid7 } from '../pipeline/rig.ts';
import { openRoad, type TestRoad } from '../pipeline/road.ts';
import { makeTestFolder } from '../support/clickhouse.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const SILENCE_MS = 30 * MINUTE;

interface Site {
  readonly road: TestRoad;
  readonly derived: Topic;
  now: number;
  /** What happens to the next appends: what stands of it, before it is said to have failed. */
  readonly faults: ((records: readonly NewRecord[]) => number)[];
  open(tenure?: Tenure): Promise<Publisher>;
  /** Rounds until nothing is new. */
  settle(): Promise<void>;
  events(): Promise<Record<string, unknown>[]>;
}

const kernel = await openKernel();

function createTenure(): Tenure {
  return { signal: new AbortController().signal, recorded: 0, commit: async () => {} };
}

async function openSite(
  t: { after(fn: () => Promise<void>): void },
  { partitions = 1, rowsPerQuestion = 10_000 } = {},
): Promise<Site> {
  const road = await openRoad(t, { kernel, partitions, now: () => site.now });
  const log = await openLocalLog({
    dir: makeTestFolder(),
    topics: [{ name: 'derived', partitions: 1 }],
    minFreeBytes: 0,
  });
  t.after(() => log.close());
  const derived = log.topic('derived');
  const faults: Site['faults'] = [];
  const options: PublisherOptions = {
    store: new DerivedStore(road.client, 30_000),
    topic: {
      ...derived,
      openSoleWriter: async (id: number) => faulty(await derived.openSoleWriter(id), faults),
    } as Topic,
    sources: [road.log.topic(TOPIC)],
    group: 'test',
    limits: { silenceMs: SILENCE_MS, ageMaxMs: 24 * HOUR, rowsPerQuestion },
    observer: { published() {}, waiting() {} },
    now: () => site.now,
  };
  const site: Site = {
    road,
    derived,
    faults,
    now: NOON,
    open: (tenure = createTenure()) => Publisher.open(options, tenure),
    async settle() {
      const publisher = await site.open();
      while (await publisher.round());
      await publisher.close();
    },
    async events() {
      const records: LogRecord[] = [];
      const reader = await derived.openSoleWriter(0);
      await reader.readBack(0, async (some) => void records.push(...some));
      return records.map((record) => readDerived(record)!);
    },
  };
  return site;
}

/** A writer that fails where it is told to: what stands, stands. */
function faulty(writer: SoleWriter, faults: Site['faults']): SoleWriter {
  return {
    readBack: (offset, onRecords) => writer.readBack(offset, onRecords),
    close: () => writer.close(),
    async append(records) {
      const fault = faults.shift();
      await writer.append(fault === undefined ? records : records.slice(0, fault(records)));
      if (fault !== undefined) throw new Error('broken');
    },
  };
}

let ids = 0;

/** One record of events at a moment, received then. */
const tell = (site: Site, at: number, ...events: Record<string, unknown>[]) => tellAt(site, 0, at, events);

async function tellAt(
  site: Site,
  partition: number,
  at: number,
  events: readonly Record<string, unknown>[],
): Promise<string[]> {
  const made = events.map((event) => ({
    event_id: uuid7(++ids, at),
    timestamp: at,
    session_id: 's',
    user_id: 'u',
    video_id: 'film',
    ...event,
  }));
  await site.road.log.topic(TOPIC).append([
    {
      partition,
      key: null,
      headers: [
        ['received_at', String(at)],
        ['app', 'tube'],
      ],
      value: Buffer.from(made.map((event) => JSON.stringify(event)).join('\n')),
      timestamp: at,
    },
  ]);
  return made.map((event) => event.event_id);
}

const view = (view_id: string) => ({ app_id: 'tube', video_id: 'film', view_id });

test('a view is told at its first end, with what it came to', async (t) => {
  const site = await openSite(t);
  const start = { event_name: 'video_start', view_id: 'v1', properties: { duration_ms: 20_000 } };
  await tell(site, NOON, start);
  await site.road.drain();
  await site.settle();
  assert.deepEqual(await site.events(), []);
  await tell(site, NOON + 10_000, { event_name: 'video_complete', view_id: 'v1' });
  await tell(site, NOON + 11_000, {
    event_name: 'view_end',
    view_id: 'v1',
    properties: { watch_ms: 15_000 },
  });
  await tell(site, NOON + 12_000, {
    event_name: 'view_end',
    view_id: 'v1',
    properties: { watch_ms: 16_000 },
  });
  site.now = NOON + 20_000;
  await site.road.drain();
  await site.settle();
  const expected = {
    event_id: watchedId(view('v1')),
    event_name: 'VideoWatched',
    ...view('v1'),
    user_id: 'u',
    session_id: 's',
    watch_ms: 16_000,
    watched_percentage: 80,
    completed: true,
    started_at: new Date(NOON).toISOString(),
    ended_at: new Date(NOON + 12_000).toISOString(),
    is_bot: false,
  };
  assert.deepEqual(await site.events(), [expected]);
  // Later ends, and silence, are no news.
  await tell(site, NOON + 30_000, {
    event_name: 'view_end',
    view_id: 'v1',
    properties: { watch_ms: 19_000 },
  });
  site.now = NOON + 3 * HOUR;
  await site.road.drain();
  await site.settle();
  assert.deepEqual(await site.events(), [expected]);
});

test('each error is told, with a view and without, before the end of its view', async (t) => {
  const site = await openSite(t);
  const [first, , second, alone] = await tell(
    site,
    NOON,
    { event_name: 'video_error', view_id: 'v1', properties: { code: 3, fatal: true } },
    { event_name: 'video_start', view_id: 'v1' },
    { event_name: 'video_error', view_id: 'v1' },
    { event_name: 'video_error', video_id: null, session_id: null, user_id: null },
    { event_name: 'view_end', view_id: 'v1' },
    { event_name: 'error', view_id: 'v1' },
  );
  await site.road.drain();
  await site.settle();
  const events = await site.events();
  assert.deepEqual(
    events.map((event) => event.event_id),
    [
      ...[first, second, alone].map((event_id) => errorId({ app_id: 'tube', event_id: event_id! })),
      watchedId(view('v1')),
    ],
  );
  assert.deepEqual(
    [events[0]!.fatal, events[0]!.properties, events[0]!.source_event_id],
    [true, { code: 3, fatal: true }, first],
  );
  assert.deepEqual([events[2]!.view_id, events[2]!.user_id], [null, null]);
});

test('a view without an end is told when nothing of it was received for half an hour', async (t) => {
  const site = await openSite(t);
  await tell(
    site,
    NOON,
    { event_name: 'video_start', view_id: 'v1' },
    { event_name: 'video_start', view_id: 'v2' },
  );
  await tell(site, NOON + 20 * MINUTE, {
    event_name: 'video_heartbeat',
    view_id: 'v2',
    properties: { watch_ms: 7_000 },
  });
  await tell(site, NOON + 20 * MINUTE, { event_name: 'video_pause', view_id: 'never-began' });
  await site.road.drain();
  const told = async (at: number) => {
    site.now = at;
    await site.settle();
    return (await site.events()).map((event) => event.view_id);
  };
  assert.deepEqual(await told(NOON + SILENCE_MS - 1), []);
  assert.deepEqual(await told(NOON + SILENCE_MS), ['v1']);
  // It goes on: what waits in the log keeps the clock back.
  await tell(site, NOON + 49 * MINUTE, {
    event_name: 'video_heartbeat',
    view_id: 'v2',
    properties: { watch_ms: 5_000 },
  });
  assert.deepEqual(await told(NOON + 5 * HOUR), ['v1']);
  await site.road.drain();
  assert.deepEqual(await told(NOON + 79 * MINUTE - 1), ['v1']);
  assert.deepEqual(await told(NOON + 79 * MINUTE), ['v1', 'v2']);
  assert.deepEqual(await told(NOON + 9 * HOUR), ['v1', 'v2']);
  assert.equal((await site.events())[1]!.watch_ms, 12_000);
});

test('what was long over when it was received is no news; what waited in the log is', async (t) => {
  const site = await openSite(t);
  const old = NOON - 24 * HOUR - 1;
  await site.settle();
  await tell(
    site,
    NOON,
    { event_name: 'view_end', view_id: 'old', timestamp: old },
    { event_name: 'video_error', view_id: 'old', timestamp: old },
    { event_name: 'video_start', view_id: 'silent', timestamp: old },
    { event_name: 'view_end', view_id: 'young', timestamp: old + 1 },
  );
  await site.road.drain();
  site.now = NOON + 100 * HOUR;
  await site.settle();
  assert.deepEqual(
    (await site.events()).map((event) => event.view_id),
    ['young'],
  );
});

test('what was received more than a day before derived events began is no news', async (t) => {
  const site = await openSite(t);
  await tell(site, NOON, { event_name: 'view_end', view_id: 'before' });
  await tell(site, NOON + 1, { event_name: 'view_end', view_id: 'after' });
  await site.road.drain();
  site.now = NOON + 24 * HOUR + 1;
  await site.settle();
  site.now = NOON;
  await site.settle();
  assert.deepEqual(
    (await site.events()).map((event) => event.view_id),
    ['after'],
  );
});

test('whatever of an append stands when it fails, each event is there once', async (t) => {
  const site = await openSite(t);
  const total = 300;
  for (let i = 0; i < total; i += 10) {
    const events = Array.from({ length: 10 }, (_, k) => i + k).flatMap((n) => [
      { event_name: 'video_start', view_id: `v${n}` },
      { event_name: 'video_error', view_id: `v${n}` },
      ...(n % 3 === 0 ? [] : [{ event_name: 'view_end', view_id: `v${n}` }]),
    ]);
    await tell(site, NOON + i, ...events);
  }
  await site.road.drain();
  let tenure = createTenure();
  let failures = 0;
  for (let round = 0; ; round++) {
    // Half of the rounds the next owner knows nothing of what the last one had recorded.
    if (round % 2 === 0) tenure = createTenure();
    if (round < 8) site.faults.push((records) => Math.floor((records.length * (round % 4)) / 3));
    if (round === 6) site.now = NOON + HOUR;
    try {
      const publisher = await site.open(tenure);
      while (await publisher.round());
      if (round >= 10) break;
    } catch (error) {
      assert.match(String(error), /broken/);
      failures++;
    }
  }
  assert.ok(failures >= 3, `${failures} failures`);
  const events = await site.events();
  assert.equal(events.length, total * 2);
  assert.equal(new Set(events.map((event) => event.event_id)).size, total * 2);
  const [recorded] = await site.road.client.select<{ n: number }>(
    'SELECT count() AS n FROM derived_events FINAL',
  );
  assert.equal(recorded!.n, total * 2);
});

test('questions that are cut come to the same, whatever partition a view goes on in', async (t) => {
  const site = await openSite(t, { partitions: 3, rowsPerQuestion: 4 });
  const random = createRandom(5);
  const expected = new Set<string>();
  for (let i = 0; i < 60; i++) {
    const at = NOON + i * MINUTE;
    const events = Array.from({ length: 1 + random.below(6) }, () => ({
      event_name: random.pick(['video_start', 'video_heartbeat', 'view_end', 'video_error', 'video_pause']),
      view_id: `v${random.below(40)}`,
    }));
    const ids = await tellAt(site, random.below(3), at, events);
    events.forEach(({ event_name, view_id }, n) => {
      if (event_name === 'video_error') expected.add(errorId({ app_id: 'tube', event_id: ids[n]! }));
      else if (event_name !== 'video_pause') expected.add(watchedId(view(view_id)));
    });
    site.now = at;
    if (random.chance(0.3)) await site.road.drain();
    if (random.chance(0.3)) await site.settle();
  }
  await site.road.drain();
  await site.settle();
  site.now += SILENCE_MS;
  await site.settle();
  const told = (await site.events()).map((event) => event.event_id as string);
  assert.deepEqual(told.toSorted(), [...expected].sort());
});

test('a publisher whose place was taken can append no more', async (t) => {
  const site = await openSite(t);
  const before = await site.open();
  await tell(site, NOON, { event_name: 'view_end', view_id: 'v1' });
  await site.road.drain();
  const after = await site.open();
  await assert.rejects(before.round(), /another writer/);
  await after.round();
  assert.equal((await site.events()).length, 1);
});
