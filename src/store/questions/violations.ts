import { appsSql, SqlValues } from '../sql/values.ts';
import { VIOLATION_COLUMNS } from '../violations.ts';
import type { StoreReader } from './buckets.ts';

export interface ViolationsQuestion {
  readonly event: string;
  /** Null: every app. */
  readonly apps: readonly string[] | null;
  /** Epoch ms: of what was read from the log since. */
  readonly since: number;
  readonly limit: number;
}

export interface ViolationRow {
  readonly app_id: string;
  readonly mode: string;
  readonly path: string;
  readonly expected: string;
  readonly count: number;
  /** The last event that was like this. */
  readonly event_id: string;
  /** Epoch ms. */
  readonly last_ms: number;
}

export interface ViolationCount {
  readonly event_name: string;
  readonly app_id: string;
  readonly count: number;
}

/** What events of one name had against their plan, the most frequent first. Rejects with StoreError. */
export async function askViolations(
  store: StoreReader,
  { event, apps, since, limit }: ViolationsQuestion,
): Promise<ViolationRow[]> {
  const values = new SqlValues();
  return await store.select<ViolationRow>(
    `SELECT app_id, mode, path, expected, sum(n) AS count, argMax(id, version) AS event_id,
       toUnixTimestamp64Milli(max(version)) AS last_ms
     FROM (${eachSql(values, since)})
     WHERE event_name = ${values.text(event)} AND ${appsSql(values, apps)}
     GROUP BY app_id, mode, path, expected ORDER BY count DESC, app_id, path LIMIT ${limit}`,
    values.params,
  );
}

/** How often events of some names broke their plans, by app. Rejects with StoreError. */
export async function countViolations(
  store: StoreReader,
  {
    events,
    apps,
    since,
  }: Pick<ViolationsQuestion, 'apps' | 'since'> & { readonly events: readonly string[] },
): Promise<ViolationCount[]> {
  if (events.length === 0) return [];
  const values = new SqlValues();
  return await store.select<ViolationCount>(
    `SELECT event_name, app_id, sum(n) AS count FROM (${eachSql(values, since)})
     WHERE event_name IN ${values.texts(events)} AND ${appsSql(values, apps)}
     GROUP BY event_name, app_id`,
    values.params,
  );
}

/** A row for each kind of violation of each block. */
function eachSql(values: SqlValues, since: number): string {
  return `SELECT version, v.1 AS app_id, v.2 AS event_name, v.3 AS mode, v.4 AS path, v.5 AS expected, v.6 AS id, v.7 AS n
     FROM (
       SELECT version, arrayJoin(arrayZip(${VIOLATION_COLUMNS.join(', ')})) AS v
       FROM ledger_blocks FINAL WHERE version >= ${values.instant(since)}
     )`;
}
