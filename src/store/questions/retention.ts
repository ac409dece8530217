import { type TimeRange, timestampSql } from '../sql/range.ts';
import { appsSql, SqlValues } from '../sql/values.ts';
import type { StoreReader } from './buckets.ts';

export interface RetentionQuestion {
  /** In which an actor's first event lies. */
  readonly range: TimeRange;
  /**
   * Starts of the periods, epoch seconds, ascending, the first at or before the range. The last of them only ends the
   * period before it.
   */
  readonly starts: readonly number[];
  /** How many periods after the first one are looked at. */
  readonly periods: number;
  /** Null: every event. */
  readonly eventName: string | null;
  readonly returnEventName: string | null;
  /** Null: every app. */
  readonly apps: readonly string[] | null;
  readonly bots: boolean;
}

/** The actors whose first event lies in one period. */
export interface Cohort {
  /** Place of the period in `starts`. */
  readonly period: number;
  readonly size: number;
  /** How many came back in the period itself, in the first one after it, and so on; `periods` + 1 numbers. */
  readonly returned: readonly number[];
}

/** Cohorts without anybody are left out. Counted one by one. Rejects with StoreError. */
export async function askRetention(store: StoreReader, question: RetentionQuestion): Promise<Cohort[]> {
  const { range, starts, periods, apps, bots, eventName, returnEventName } = question;
  if (range.from >= range.to) return [];
  const values = new SqlValues();
  const list = values.add('Array(UInt32)', starts);
  const named = (name: string | null) => (name === null ? '1' : `event_name = ${values.text(name)}`);
  const [begins, returns] = [
    `(${named(eventName)} AND timestamp < ${values.instant(range.to)})`,
    named(returnEventName),
  ];
  const reach = { from: range.from, to: starts.at(-1)! * 1000 };
  return await store.select<Cohort>(
    `
SELECT cohort - 1 AS period, count() AS size,
  sumForEach(arrayMap(k -> toUInt64(has(came, k)), range(${periods + 1}))) AS returned
FROM
(
  SELECT minIf(first, began > 0) AS first_ms,
    roundDown(toUInt32(intDiv(first_ms, 1000)), ${list}) AS own, indexOf(${list}, own) AS cohort,
    -- In its own period an actor comes back at or after the first event.
    arrayMap(visit -> toInt64(indexOf(${list}, visit.1)) - toInt64(cohort),
      arrayFilter(visit -> visit.1 != own OR visit.2 >= first_ms, groupArrayIf((start, last), came_back > 0))) AS came
  FROM
  (
    SELECT actor AS who, roundDown(toUInt32(toUnixTimestamp(timestamp)), ${list}) AS start,
      minIf(toUnixTimestamp64Milli(timestamp), ${begins}) AS first, countIf(${begins}) AS began,
      maxIf(toUnixTimestamp64Milli(timestamp), ${returns}) AS last, countIf(${returns}) AS came_back
    FROM events
    WHERE ${appsSql(values, apps)} AND ${timestampSql(reach, values)} AND ${bots ? '1' : 'NOT is_bot'}
      AND actor != '' AND (${begins} OR ${returns})
    GROUP BY who, start
  )
  GROUP BY who
  HAVING sum(began) > 0
)
GROUP BY cohort
ORDER BY cohort`,
    values.params,
  );
}
