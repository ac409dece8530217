import type { StoreClient } from '../client.ts';
import { type Filter, fieldSql, filtersSql } from '../sql/filters.ts';
import { type TimeRange, timestampSql } from '../sql/range.ts';
import { appsSql, SqlValues } from '../sql/values.ts';
import { LATER } from './priority.ts';

/**
 * The events that a funnel is about, by actor or session, in order. ClickHouse looks which steps each may serve and puts
 * them in order; the runs are found in them by whoever asks.
 */

export interface EventMatch {
  readonly eventName: string;
  readonly filters: readonly Filter[];
}

export interface HistoriesQuestion {
  /** In which a run begins. */
  readonly range: TimeRange;
  /** Events after the range that a run may reach, ms. */
  readonly windowMs: number;
  /** Null: every app. */
  readonly apps: readonly string[] | null;
  readonly bots: boolean;
  /** An actor is one in all the apps; a session is one of its app. */
  readonly by: 'actor' | 'session';
  /** At most 31, so that they are the bits of a small integer. */
  readonly steps: readonly EventMatch[];
  readonly exclusions: readonly EventMatch[];
  /** Which steps a run can begin with, as bits. */
  readonly begins: number;
  /** Where other events lie between is told too: one of them stands for all. */
  readonly gaps: boolean;
  /** Field whose value at each event that can begin a run is wanted. */
  readonly field: string | null;
}

/** Of one actor or session: columns of its events by (timestamp, log order). */
export interface HistoryRow {
  /** Ms since the beginning of the range. */
  readonly times: readonly number[];
  /** Bits of the steps that the event may serve, and of the exclusions that it matches. */
  readonly steps: readonly number[];
  readonly excluded: readonly number[];
  /** '' where the event does not say, or cannot begin a run; empty without a field. */
  readonly values: readonly string[];
}

export type HistoriesReader = Pick<StoreClient, 'select' | 'stream'>;

/** The question is about more than can be held at once. */
export class HistoriesTooLarge extends Error {
  override readonly name = 'HistoriesTooLarge';
}

export interface HistoriesLimits {
  /** Events of one statement, about: what ClickHouse holds in memory. */
  readonly eventsPerPart: number;
  readonly eventsMax: number;
  readonly eventsPerActorMax: number;
}

const LIMITS: HistoriesLimits = {
  eventsPerPart: 1_000_000,
  eventsMax: 30_000_000,
  eventsPerActorMax: 100_000,
};
/** The last moment that a bucket can hold. */
const LATEST_MS = Date.UTC(2106, 0, 1);

/**
 * Those with an event that can begin a run, in no order, in batches. Rejects with StoreError, or HistoriesTooLarge.
 * Many actors are read part by part, each actor in one statement.
 */
export async function* readHistories(
  store: HistoriesReader,
  question: HistoriesQuestion,
  limits = LIMITS,
): AsyncGenerator<HistoryRow[], void> {
  const { eventsPerPart, eventsMax, eventsPerActorMax } = limits;
  if (question.range.from >= question.range.to) return;
  const events = await countEvents(store, question);
  if (events > eventsMax) {
    throw new HistoriesTooLarge(
      `The funnel is about ${events} events, at most ${eventsMax} can be looked at. Shorten the range or the window, or choose fewer apps.`,
    );
  }
  const parts = Math.ceil(events / eventsPerPart);
  for (let part = 0; part < parts; part++) {
    const values = new SqlValues();
    const sql = historiesSql(question, values, {
      which: parts === 1 ? '1' : partSql(question, parts, part),
      eventsPerActorMax,
    });
    for await (const rows of store.stream<HistoryRow>(sql, values.params, { settings: WHOLE })) {
      const long = rows.some((row) => row.times.length > eventsPerActorMax);
      if (long) {
        throw new HistoriesTooLarge(
          `One ${question.by} has more than ${eventsPerActorMax} events for the funnel. Shorten the range or the window, or filter the steps.`,
        );
      }
      yield rows;
    }
  }
}

/** The answer is whole before its first row comes, so that a failure half-way is never a short answer. */
const WHOLE = { ...LATER, wait_end_of_query: 1 };

const keyOf = ({ by }: HistoriesQuestion) => (by === 'actor' ? 'actor' : 'app_id, session_id');

function partSql(question: HistoriesQuestion, parts: number, part: number): string {
  return `cityHash64(${keyOf(question)}) % ${parts} = ${part}`;
}

/** An upper bound, by what is cheap to look at. */
async function countEvents(store: HistoriesReader, question: HistoriesQuestion): Promise<number> {
  const values = new SqlValues();
  const [row] = await store.select<{ events: number }>(
    `SELECT count() AS events FROM events WHERE ${scopeSql(question, values)}`,
    values.params,
  );
  return row!.events;
}

function scopeSql(question: HistoriesQuestion, values: SqlValues): string {
  const { range, windowMs, apps, bots, by, gaps, steps, exclusions } = question;
  const reach = { from: range.from, to: Math.max(range.to, Math.min(range.to + windowMs, LATEST_MS)) };
  const names = [...new Set([...steps, ...exclusions].map(({ eventName }) => eventName))];
  return `${appsSql(values, apps)} AND ${timestampSql(reach, values)} AND ${bots ? '1' : 'NOT is_bot'}
  AND ${by === 'actor' ? 'actor' : 'session_id'} != '' AND ${gaps ? '1' : `event_name IN ${values.texts(names)}`}`;
}

/** Bits of the matches that a row passes. */
function bitsSql(matches: readonly EventMatch[], values: SqlValues): string {
  if (matches.length === 0) return 'toUInt32(0)';
  return matches
    .map(({ eventName, filters }, i) => {
      const passes = `event_name = ${values.text(eventName)} AND ${filtersSql(filters, values)}`;
      return `bitShiftLeft(toUInt32(${passes}), ${i})`;
    })
    .reduce((all, one) => `bitOr(${all}, ${one})`);
}

function historiesSql(
  question: HistoriesQuestion,
  values: SqlValues,
  part: { readonly which: string; readonly eventsPerActorMax: number },
): string {
  const { range, steps, exclusions, gaps, begins, field } = question;
  const canBegin = `bitAnd(served, ${begins}) != 0 AND timestamp < ${values.instant(range.to)}`;
  const value =
    field === null ? "''" : `if(${canBegin}, ifNull(toString(${fieldSql(field, values).text}), ''), '')`;
  const column = (n: number) => `arrayMap(e -> e.${n}, kept)`;
  // Of the events that are none of the funnel's, one behind another event is enough to part what lies around it.
  const kept = gaps
    ? 'arrayFilter((e, before) -> e.6 != 0 OR before.6 != 0, events_of, arrayPushFront(arrayPopBack(events_of), defaultValueOfArgumentType(events_of[1])))'
    : 'events_of';
  return `
SELECT ${column(1)} AS times, ${column(6)} AS steps, ${column(7)} AS excluded, ${field === null ? '[]' : column(8)} AS values
FROM
(
  SELECT ${kept} AS kept
  FROM
  (
    WITH ${bitsSql(steps, values)} AS served, ${bitsSql(exclusions, values)} AS excluded_by
    SELECT arraySort(groupArray(${part.eventsPerActorMax + 1})((
      toUnixTimestamp64Milli(timestamp) - ${values.add('Int64', range.from)},
      toString(log_topic), log_partition, log_offset, log_index, served, excluded_by, ${value}
    ))) AS events_of
    FROM events
    WHERE ${scopeSql(question, values)} AND ${part.which} AND ${gaps ? '1' : '(served != 0 OR excluded_by != 0)'}
    GROUP BY ${keyOf(question)}
    HAVING countIf(${canBegin}) > 0
  )
)`;
}
