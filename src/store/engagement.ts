import type { SplitSql } from './split-views.ts';

/**
 * Seed 002's daily user engagement. A day is recomputed whole, from the shorter tables, so a day that goes on is
 * recomputed at most every so often; nothing that the API answers is read from it.
 */

export interface EngagementDay {
  readonly app_id: string;
  /** Days since 1970-01-01. */
  readonly day: number;
}

/** Days of which a bucket, or the hour of a view, was recomputed after the day itself was: a crash came between. */
export const STALE_DAYS_SQL = `
SELECT app_id, day
FROM
(
  SELECT app_id, toUInt32(toDate(bucket)) AS day, max(as_of) AS source, toDateTime64(0, 3, 'UTC') AS done
  FROM bucket_state GROUP BY app_id, day
  UNION ALL
  SELECT app_id, toUInt32(toDate(hour)) AS day, max(version), toDateTime64(0, 3, 'UTC')
  FROM video_metrics_hourly GROUP BY app_id, day
  UNION ALL
  SELECT app_id, toUInt32(date) AS day, toDateTime64(0, 3, 'UTC'), max(version)
  FROM user_engagement_daily GROUP BY app_id, day
)
GROUP BY app_id, day
HAVING max(source) > max(done)`;

export interface EngagementDays {
  touch(day: EngagementDay): void;
  /** The days to recompute now; they are considered done. */
  takeDue(): EngagementDay[];
}

export function createEngagementDays(everyMs: number): EngagementDays {
  const pending = new Map<string, EngagementDay>();
  const doneAt = new Map<string, number>();
  return {
    touch(day) {
      pending.set(`${day.day} ${day.app_id}`, day);
    },
    takeDue() {
      const now = performance.now();
      const due: EngagementDay[] = [];
      for (const [key, day] of pending) {
        if (now - (doneAt.get(key) ?? -Infinity) < everyMs) continue;
        due.push(day);
        pending.delete(key);
        doneAt.set(key, now);
      }
      return due;
    },
  };
}

export function engagementSql(days: string, split: SplitSql | null): string {
  const counted = split?.counted(`(app_id, toDate(bucket)) IN (${days})`) ?? '1';
  return `
INSERT INTO user_engagement_daily (app_id, date, user_id, events, page_views, errors, sessions, views, watch_time_seconds, completed_views, version)
SELECT app_id, date, who, sum(e), sum(p), sum(x), sum(s), sum(v), sum(w), sum(c), now64(3)
FROM
(
  SELECT app_id, toDate(bucket) AS date, actor AS who, sum(events) AS e, sum(page_views) AS p, sum(errors) AS x,
    uniqCombined64Merge(sessions) AS s, 0 AS v, 0 AS w, 0 AS c
  FROM actor_buckets FINAL
  WHERE (app_id, toDate(bucket)) IN (${days})
  GROUP BY app_id, date, who
  UNION ALL
  SELECT app_id, toDate(started_at) AS date, viewer AS who, 0, 0, 0, 0, count(), sum(watch_ms) / 1000, countIf(completed)
  FROM views_by_hour FINAL
  WHERE NOT is_bot AND viewer != '' AND (app_id, toDate(hour)) IN (${days}) AND ${counted}
  GROUP BY app_id, date, who
  UNION ALL
  -- Who was there before takes part with nothing: a view that moved to another day leaves zero behind.
  SELECT app_id, date, user_id AS who, 0, 0, 0, 0, 0, 0, 0 FROM user_engagement_daily FINAL WHERE (app_id, date) IN (${days})
)
GROUP BY app_id, date, who`;
}
