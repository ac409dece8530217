import { type Filter, filtersSql } from '../sql/filters.ts';
import { type TimeRange, timestampSql } from '../sql/range.ts';
import { appsSql, SqlValues } from '../sql/values.ts';
import type { StoreReader } from './buckets.ts';
import { growingRanges } from './growing-ranges.ts';

/** The place of an event in the list: its moment, then the coordinate that the log gave it. No two events share it. */
export interface EventPlace {
  /** Epoch ms. */
  readonly at: number;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly index: number;
}

export interface EventsQuestion {
  readonly range: TimeRange;
  /** Null: every app. */
  readonly apps: readonly string[] | null;
  readonly filters: readonly Filter[];
  readonly bots: boolean;
  readonly order: 'desc' | 'asc';
  /** Go on behind this event, which need not exist any more. */
  readonly after: EventPlace | null;
  readonly limit: number;
  /** Epoch ms: the list is looked through in growing steps back from here. */
  readonly now: number;
}

export const EVENT_TEXTS = [
  'app_id',
  'event_name',
  'user_id',
  'anonymous_id',
  'session_id',
  'video_id',
  'view_id',
  'stream_id',
  'page',
  'referrer',
  'utm_source',
  'utm_medium',
  'utm_campaign',
  'utm_term',
  'utm_content',
  'device',
  'os',
  'browser',
  'country',
] as const;

export type StoredEventRow = Record<(typeof EVENT_TEXTS)[number], string> & {
  readonly event_id: string;
  /** Epoch ms. */
  readonly at: number;
  readonly received_ms: number;
  readonly is_bot: boolean;
  readonly session_assigned: boolean;
  /** JSON text. */
  readonly properties: string;
  readonly context: string;
  readonly log_topic: string;
  readonly log_partition: number;
  readonly log_offset: number;
  readonly log_index: number;
};

const PLACE = '(timestamp, log_topic, log_partition, log_offset, log_index)';

/** One page, at most `limit` rows. Rejects with StoreError. */
export async function askEvents(store: StoreReader, question: EventsQuestion): Promise<StoredEventRow[]> {
  const after = question.after?.at ?? null;
  for (const range of growingRanges({ ...question, after })) {
    const rows = await readPage(store, question, range);
    if (rows.length >= question.limit || range.whole) return rows;
  }
  return [];
}

async function readPage(
  store: StoreReader,
  question: EventsQuestion,
  range: TimeRange,
): Promise<StoredEventRow[]> {
  if (range.from >= range.to) return [];
  const values = new SqlValues();
  const down = question.order === 'desc';
  const direction = down ? ' DESC' : '';
  const after =
    question.after === null ? '1' : `${PLACE} ${down ? '<' : '>'} ${placeSql(question.after, values)}`;
  const sql = `
SELECT event_id, toUnixTimestamp64Milli(timestamp) AS at, toUnixTimestamp64Milli(received_at) AS received_ms, ${EVENT_TEXTS.join(', ')},
  is_bot, session_assigned, properties, context, log_topic, log_partition, log_offset, log_index
FROM events
WHERE ${appsSql(values, question.apps)} AND ${timestampSql(range, values)} AND ${question.bots ? '1' : 'NOT is_bot'}
  AND ${filtersSql(question.filters, values)} AND ${after}
ORDER BY timestamp${direction}, log_topic${direction}, log_partition${direction}, log_offset${direction}, log_index${direction}
LIMIT ${question.limit}`;
  return await store.select<StoredEventRow>(sql, values.params, { settings: LAZY });
}

/** Texts and JSON are read for the rows of the page only, not for all that were sorted. */
const LAZY = {
  query_plan_optimize_lazy_materialization: 1,
  query_plan_max_limit_for_lazy_materialization: 1001,
};

function placeSql(place: EventPlace, values: SqlValues): string {
  const parts = [
    values.instant(place.at),
    values.text(place.topic),
    values.add('UInt16', place.partition),
    values.add('UInt64', place.offset),
    values.add('UInt32', place.index),
  ];
  return `(${parts.join(', ')})`;
}
