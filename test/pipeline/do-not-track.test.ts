/** Events of other producers whose person asked not to be tracked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DntMode } from '../../src/event/do-not-track.ts';
import { openKernel } from '../../src/event/kernel/wasm.ts';
import type { LogRecord } from '../../src/log/log.ts';
import { type Batch, presentKey } from '../../src/pipeline/batch.ts';
import { batchOf, createBuilder, createContext, NOON, recordOf, referenceKernel, uuid7 } from './rig.ts';

const kernels = [referenceKernel, await openKernel()];
const PERSON = { user_id: 'ann', anonymousId: 'a-1', session_id: 's-1', video_id: 'film' };
const ASKS = [{ dnt: true }, { gpc: '1' }, { doNotTrack: 'yes' }, { dnt: 1, ip: '203.0.113.9' }];
const event = (n: number, context: object, more: object = {}) => ({
  event_id: uuid7(n),
  event_name: 'video_start',
  timestamp: NOON,
  ...PERSON,
  ...more,
  context,
});

function foreign(offset: number, value: string): LogRecord {
  return { ...recordOf(offset, []), headers: [], value: Buffer.from(value), timestamp: NOON };
}

const rules = (dnt: DntMode, more: object = {}) =>
  createContext({
    foreign: { ageMaxMs: 90 * 86_400_000, aheadMaxMs: 86_400_000, now: () => NOON, dnt },
    ...more,
  });

function eventsOf(batch: Batch): Record<string, unknown>[] {
  return Array.from({ length: batch.rows }, (_, row) => ({
    index: batch.builder.index[row],
    ...(JSON.parse(batch.builder.eventJson(row)) as object),
  }));
}

const idsOf = (batch: Batch) => eventsOf(batch).map(({ index, event_id }) => [index, event_id]);
const totals = ({ tally }: Batch) =>
  (['stored', 'duplicate', 'filtered', 'quarantined'] as const).map((fate) => tally.total(fate));

for (const kernel of kernels) {
  const make = (records: LogRecord[], context: ReturnType<typeof rules>) =>
    batchOf(records, context, createBuilder(kernel));

  test(`${kernel.kind}: off, and 0 or another word, mean nothing`, () => {
    const values = [event(1, ASKS[0]!), event(2, { dnt: '0' }), event(3, { gpc: false })];
    assert.equal(make([foreign(0, JSON.stringify(values))], rules('off')).rows, 3);
    const batch = make([foreign(0, JSON.stringify(values.slice(1)))], rules('drop'));
    assert.deepEqual([batch.rows, batch.tally.total('filtered')], [2, 0]);
  });

  test(`${kernel.kind}: drop leaves them out in every form, counts them, and leaves the others where they were`, () => {
    const events = [event(1, {}), event(2, ASKS[0]!), event(3, ASKS[1]!), 7, event(4, { os: 'X' })];
    const forms = [
      JSON.stringify(events),
      events.map((one) => JSON.stringify(one)).join('\n'),
      JSON.stringify(events).replace('"dnt"', '"\\u0064nt"'),
    ];
    for (const form of forms) {
      const batch = make([foreign(5, form)], rules('drop'));
      assert.deepEqual(idsOf(batch), [
        [0, uuid7(1)],
        [4, uuid7(4)],
      ]);
      assert.deepEqual(totals(batch), [2, 0, 2, 1]);
      assert.deepEqual(
        batch.dead.map(({ index }) => index),
        [3],
      );
    }
  });

  test(`${kernel.kind}: anonymize takes their person, session, address and what is derived of them`, () => {
    const events = [
      event(1, {}),
      ...ASKS.map((asks, i) => event(2 + i, { ...asks, os: 'X' })),
      event(8, ASKS[0]!, { view_id: 'named' }),
      { event_name: 'search', user_id: 'ann', context: { dnt: true } },
    ];
    const batch = make([foreign(5, JSON.stringify(events))], rules('anonymize'));
    const [whole, ...rest] = eventsOf(batch);
    assert.deepEqual([whole!.user_id, whole!.session_id], ['ann', 's-1']);
    assert.equal(rest.length, 6);
    for (const one of rest) {
      for (const name of ['user_id', 'anonymous_id', 'session_id']) assert.equal(one[name], undefined, name);
      assert.doesNotMatch(JSON.stringify(one), /203\.0|ann|s-1|a-1/);
    }
    assert.deepEqual(
      rest.map(({ index, view_id }) => [index, view_id]),
      [1, 2, 3, 4, 5, 6].map((index) => [index, index === 5 ? 'named' : undefined]),
    );
    assert.deepEqual((rest[0]!.context as { os: string }).os, 'X');
    assert.deepEqual(totals(batch), [7, 0, 0, 0]);
    // The one without an id has the id of its place, as ever.
    const before = make([foreign(5, JSON.stringify(events))], rules('off'));
    assert.equal(rest.at(-1)!.event_id, eventsOf(before).at(-1)!.event_id);
  });

  test(`${kernel.kind}: sent again they are duplicates, also beside others and without a time`, () => {
    const { timestamp: _, ...timeless } = event(2, ASKS[0]!);
    const records = [
      foreign(0, JSON.stringify([event(1, {}), timeless])),
      { ...foreign(1, JSON.stringify([timeless, event(1, {}), event(3, {})])), timestamp: NOON + 1_000 },
      foreign(2, JSON.stringify(timeless)),
    ];
    const batch = make(records, rules('anonymize'));
    assert.deepEqual(totals(batch), [3, 3, 0, 0]);
    batch.rebuild(new Map());
    assert.deepEqual(
      idsOf(batch).map(([, id]) => id),
      [uuid7(1), uuid7(2), uuid7(3)],
    );
  });

  test(`${kernel.kind}: what an earlier attempt stored is a fact, whatever was set then`, () => {
    const value = JSON.stringify([event(1, ASKS[0]!), event(2, {})]);
    const present = new Map([[5, new Set([presentKey(0, uuid7(1))])]]);
    for (const mode of ['drop', 'anonymize'] as const) {
      const batch = make([foreign(5, value)], rules(mode, { present }));
      assert.deepEqual(idsOf(batch), [[1, uuid7(2)]], mode);
      assert.equal(batch.presentRows, 1, mode);
      assert.deepEqual(totals(batch), [2, 0, 0, 0], mode);
    }
  });

  test(`${kernel.kind}: what ingest wrote is not looked at again`, () => {
    const batch = make([recordOf(0, [event(1, ASKS[0]!)])], rules('drop'));
    assert.equal(batch.rows, 1);
  });
}
