/**
 * `funnel_counts`, what `funnel_stats` reads: which days of which apps have to be counted, and what they were counted to be.
 */
import type { StoreClient } from './client.ts';
import { SqlValues } from './sql/values.ts';

export interface FunnelDay {
  readonly app_id: string;
  /** `YYYY-MM-DD`, UTC. */
  readonly date: string;
}

export interface FunnelStepCount {
  /** From 1. */
  readonly step: number;
  readonly step_name: string;
  readonly event_name: string;
  readonly began: number;
  readonly count: number;
  readonly drop_off: number;
  readonly conversion_from_start: number;
  readonly conversion_from_previous: number;
  readonly median_seconds_from_previous: number | null;
}

const DAY_SECONDS = 86_400;
const KEY = ['app_id', 'funnel_name', 'date', 'step'];
const TOLD = [
  'step_name',
  'event_name',
  'began',
  'count',
  'drop_off',
  'conversion_from_start',
  'conversion_from_previous',
  'median_seconds_from_previous',
  'defined_at',
];

/** The server's clock, as it writes it. A count that begins now is as of this moment. Rejects with StoreError. */
export async function readServerTime(client: StoreClient): Promise<string> {
  const [row] = await client.select<{ at: string }>('SELECT toString(now64(3)) AS at');
  return row!.at;
}

export interface StaleQuestion {
  readonly funnel: string;
  /** Null: every app. */
  readonly app: string | null;
  /** How long after its beginning a run can go on. */
  readonly windowSeconds: number;
  /** Epoch ms of the definition: what was counted by another is not of this one. */
  readonly definedAt: number;
  /** Of raw, back from now. */
  readonly days: number;
}

/**
 * Days in which something may have landed since they were counted, or in the window behind them; the latest first. Rejects
 * with StoreError.
 */
export async function readStaleDays(client: StoreClient, question: StaleQuestion): Promise<FunnelDay[]> {
  const { funnel, app, windowSeconds, definedAt, days } = question;
  const values = new SqlValues();
  const reach = Math.min(Math.ceil(windowSeconds / DAY_SECONDS), days);
  const ofApp = app === null ? '1' : `app_id = ${values.text(app)}`;
  return await client.select<FunnelDay>(
    `SELECT app_id, toString(day) AS date FROM
     (
       SELECT app_id, arrayJoin(arrayMap(n -> day - n, range(${reach + 1}))) AS day, max(landed) AS landed
       FROM (SELECT app_id, toDate(bucket) AS day, max(lease_until) AS landed FROM bucket_state
         WHERE ${ofApp} AND bucket >= now('UTC') - INTERVAL ${days} DAY GROUP BY app_id, day)
       GROUP BY app_id, day
     ) AS d
     LEFT JOIN
     (
       SELECT app_id, date AS day, max(as_of) AS counted, argMax(defined_at, as_of) AS defined FROM funnel_counts FINAL
       WHERE funnel_name = ${values.text(funnel)} GROUP BY app_id, day
     ) AS c USING (app_id, day)
     WHERE day > toDate(now('UTC')) - ${days} AND day <= toDate(now('UTC')) + 1
       AND (counted <= landed OR defined != ${values.instant(definedAt)})
     ORDER BY day DESC, app_id`,
    values.params,
  );
}

/** Rejects with StoreError. */
export async function writeFunnelDay(
  client: StoreClient,
  funnel: string,
  { app_id, date }: FunnelDay,
  { asOf, definedAt }: { readonly asOf: string; readonly definedAt: number },
  steps: readonly FunnelStepCount[],
): Promise<void> {
  const values = new SqlValues();
  const rows = steps.map((step) => {
    const median = step.median_seconds_from_previous;
    const told = [
      values.text(step.step_name),
      values.text(step.event_name),
      values.add('UInt64', step.began),
      values.add('UInt64', step.count),
      values.add('UInt64', step.drop_off),
      values.add('Float64', step.conversion_from_start),
      values.add('Float64', step.conversion_from_previous),
      median === null ? 'NULL' : values.add('Float64', median),
      values.instant(definedAt),
    ];
    return `SELECT ${values.add('UInt8', step.step)} AS step, ${told.map((one, i) => `${one} AS ${TOLD[i]}`).join(', ')}, 0 AS gone`;
  });
  const day = `funnel_name = ${values.text(funnel)} AND app_id = ${values.text(app_id)} AND date = ${values.add('Date', date)}`;
  // Of a definition that had more.
  const more = `SELECT step, ${TOLD.join(', ')}, 1 AS gone FROM funnel_counts FINAL WHERE ${day} AND step > ${steps.length}`;
  await client.command(
    `INSERT INTO funnel_counts (${[...KEY, ...TOLD, 'as_of', 'gone'].join(', ')})
     SELECT ${values.text(app_id)}, ${values.text(funnel)}, ${values.add('Date', date)}, step, ${TOLD.join(', ')},
       toDateTime64(${values.text(asOf)}, 3, 'UTC'), gone
     FROM (${[...rows, more].join(' UNION ALL ')})`,
    values.params,
  );
}

/** Takes away what was counted of funnels that are not among these. Rejects with StoreError. */
export async function forgetFunnels(client: StoreClient, funnels: readonly string[]): Promise<void> {
  const values = new SqlValues();
  await client.command(
    `INSERT INTO funnel_counts (${[...KEY, ...TOLD, 'as_of', 'gone'].join(', ')})
     SELECT ${[...KEY, ...TOLD].join(', ')}, now64(3), 1 FROM funnel_counts FINAL WHERE funnel_name NOT IN ${values.texts(funnels)}`,
    values.params,
  );
}
