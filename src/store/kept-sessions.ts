/**
 * Sessions outlive their events: before raw loses the beginning of a session, it is folded once more and kept.
 *
 * In: raw, and the days whose beginnings are next to go. Out: rows of `kept_sessions`, from which questions read what began
 * before `keptBefore`. A row is written again when something landed in its days since, until they are over; writing it twice
 * changes nothing.
 */
import { randomUUID } from 'node:crypto';
import type { StoreClient } from './client.ts';
import type { Retention } from './retention.ts';
import { type Kept, keptRowsSql } from './sql/kept-sessions.ts';
import { conversionSql, type SessionScope, sessionsSql } from './sql/sessions.ts';
import { SqlValues } from './sql/values.ts';

const DAY_MS = 86_400_000;
/** Days that raw still has whole when they are folded: today's last and tomorrow's last. */
const AHEAD_DAYS = 2;
/** How far back a fold looks for what was not kept while the service stood still, as far as raw has it. */
const BEHIND_DAYS = 7;
const LONG_MS = 3_600_000;
/** Begins the ids of its statements: an erasure ends those that may have read what is gone. */
export const KEEP_ID = 'keep-sessions-';

type Retained = Pick<Retention, 'eventsDays' | 'sessionsDays'>;

/** What began before it is read from what was kept; null where raw lives as long. Raw has every event since then. */
export function keptBefore(now: number, { eventsDays, sessionsDays }: Retained): Kept | null {
  if (eventsDays >= sessionsDays) return null;
  return { before: Math.floor(now / DAY_MS) * DAY_MS - (eventsDays - 1) * DAY_MS };
}

/** The same by the server's clock, in SQL, epoch ms. */
export function keptBeforeSql({ eventsDays, sessionsDays }: Retained): string | null {
  if (eventsDays >= sessionsDays) return null;
  return `1000 * toInt64(toUnixTimestamp(toStartOfDay(now('UTC')) - INTERVAL ${eventsDays - 1} DAY))`;
}

export interface KeepOptions {
  readonly kept: Kept;
  /** Of events that are conversions. */
  readonly conversionEvents: readonly string[];
  /** Ends it; nothing of it is written then. */
  readonly signal?: AbortSignal;
}

/**
 * What changes when an event lands in the days that are next to go; to be held against the one before. Rejects with
 * StoreError.
 */
export async function readKeepStamp(client: StoreClient, { before }: Kept): Promise<string> {
  const values = new SqlValues();
  const [row] = await client.select<{ stamp: string }>(
    `SELECT concat(toString(count()), ' ', toString(max(lease_until))) AS stamp FROM bucket_state
     WHERE bucket >= ${values.second((before - BEHIND_DAYS * DAY_MS) / 1000)}
       AND bucket < ${values.second((before + AHEAD_DAYS * DAY_MS) / 1000)}`,
    values.params,
  );
  return `${before} ${row!.stamp}`;
}

/**
 * Folds the sessions that begin in the days around `before` and keeps them. Of those that begin earlier, where raw may be
 * going already, only what is not kept yet. Rejects with StoreError.
 */
export async function keepSessions(client: StoreClient, options: KeepOptions): Promise<void> {
  const values = new SqlValues();
  await client.command(keepSql(options, values), values.params, {
    timeoutMs: LONG_MS,
    queryId: `${KEEP_ID}${randomUUID()}`,
    settings: { max_partitions_per_insert_block: 0 },
    ...(options.signal && { signal: options.signal }),
  });
}

function keepSql({ kept: { before }, conversionEvents }: KeepOptions, values: SqlValues): string {
  const until = before + AHEAD_DAYS * DAY_MS;
  const whole = { from: before, to: until };
  const early = { from: before - BEHIND_DAYS * DAY_MS, to: before };
  const scope = (range: SessionScope['range']): SessionScope => ({
    apps: '1',
    bots: false,
    range,
    first: '1',
    kept: null,
  });
  const conversion = conversionSql(values.texts(conversionEvents));
  const folded = (range: SessionScope['range']) => sessionsSql(scope(range), values, { conversion });
  const day = "toDate(fromUnixTimestamp64Milli(started_ms, 'UTC'))";
  const columns = (from: string, gone: 0 | 1) =>
    `SELECT * EXCEPT (started_ms, duration_ms, bounced), ${day} AS day, now64(3) AS version, ${gone} AS gone FROM (${from})`;
  const known = `SELECT app_id, session_id FROM (${keptRowsSql({ apps: '1' }, early, values, true)})`;
  const places = `SELECT app_id, session_id, ${day} FROM (${sessionsSql(scope(whole), values, { startsOnly: true })})`;
  const stale = `SELECT * EXCEPT (day, version, gone), day, now64(3) AS version, 1 AS gone FROM kept_sessions FINAL
    WHERE day >= toDate(${values.second(before / 1000)}) AND day < toDate(${values.second(until / 1000)})
      AND (app_id, session_id, day) NOT IN (${places})`;
  return `INSERT INTO kept_sessions
${columns(folded(whole), 0)}
UNION ALL
${columns(folded(early), 0)} WHERE (app_id, session_id) NOT IN (${known})
UNION ALL
${stale}`;
}
