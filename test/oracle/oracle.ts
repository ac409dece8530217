/**
 * The oracle: the numbers of a history by brute force, written from the rules of counting (product, section 5) alone.
 * In: deliveries in order of receipt, bad, late and doubled ones among them. Out: what every answer has to say.
 * It shares nothing with src/, knows no SQL, and is written to be read, not to be fast (200 events take about 1 ms).
 *
 * Where the rules leave room, this is how they are read:
 * - A view is (app_id, video_id, view_id). Without a view_id it is (app_id, video_id, session_id). An event with neither
 *   view_id nor session nor actor has no view; neither has one without video_id and view_id.
 * - An event with an actor but no session_id belongs to a session assigned on arrival: per (app, actor), in order of
 *   receipt, it joins the assigned session whose [first - 30 min, last + 30 min] covers its timestamp, the nearest by
 *   gap, the earlier on a tie, else it opens a new one. Sessions never merge; sent session ids take no part.
 * - Per (app, event_id) the first good event received is stored; later ones are duplicates when all their fields but the
 *   id and sent_at are the same, else they are quarantined (id_collision).
 * - A view begins at its earliest video_start, video_progress, video_heartbeat, video_complete or view_end, is counted
 *   on the local day of that, and its viewer and dimensions are those of that event. Order in a view: (timestamp, order
 *   of receipt). A view without any of the five is none.
 * - Watch time: (1) the largest watch_ms of its view_ends, if one carries it; (2) else, if it has heartbeats or progress,
 *   the sum over those of watch_ms or, without one, of min(gap to the view's previous event of any name, gap limit);
 *   (3) else the sum of min(gap, gap limit) over the stretches that begin while playing: video_start and video_resume
 *   set playing, pause, buffer, buffering, complete, error and view_end clear it, other names leave it.
 *   A watch_ms that is negative or no number is not known.
 * - Duration: the catalogue, else that of the latest event that says one (duration_ms before duration in seconds).
 * - Completed: any video_complete, or properties.completed === true on any event of the view.
 * - /metrics: events, users, sessions, page_views, errors, impressions, reach, completions by the timestamp of the event;
 *   views, viewers, watch_time_seconds, completion_rate by the beginning of the view, whole views. Ranges are [from, to).
 *   Actors are distinct by their text, sessions by (app, id). In realtime actors and streams are distinct per app.
 * - Realtime: received in (now - 60 s, now]; the latest event of a view and its last bitrate go by (timestamp, receipt)
 *   over all that was received until now; a view must exist, as above, to be active.
 * - Bots, told by the user agent, are left out before anything is built, unless asked for; they are in the ledger.
 */
import { type Accepted, accept, type Delivery, type LedgerLine, type StoredEvent } from './accept.ts';
import { addDays, bucketStart, bucketsBetween, type Interval, localDate, startOfDate } from './calendar.ts';
import { type Dimension, dimensionOf, type Filter, passes } from './dimensions.ts';
import { amount, buildViews, type View } from './views.ts';

export type { Delivery, Dimension, Filter, Interval, StoredEvent, View };

export interface OracleOptions {
  /** Cap of one stretch of watch time. Default 30,000. */
  readonly gapLimitMs?: number;
  /** Older events are refused. Default 90 days. */
  readonly retentionMs?: number;
  /** The catalogue: duration in ms by video_id. */
  readonly durations?: Readonly<Record<string, number>>;
  /** Whether a user agent is a bot's. Default: none is. */
  readonly isBot?: (userAgent: string) => boolean;
  /** Count bots too. Default false. */
  readonly bots?: boolean;
}

export type Metric =
  | 'events'
  | 'users'
  | 'sessions'
  | 'page_views'
  | 'views'
  | 'viewers'
  | 'watch_time_seconds'
  | 'impressions'
  | 'reach'
  | 'completions'
  | 'completion_rate'
  | 'errors';

export const metricNames: readonly Metric[] = [
  'events',
  'users',
  'sessions',
  'page_views',
  'views',
  'viewers',
  'watch_time_seconds',
  'impressions',
  'reach',
  'completions',
  'completion_rate',
  'errors',
];

export interface MetricsQuestion {
  readonly metric: Metric;
  /** Epoch ms, or a local date YYYY-MM-DD. */
  readonly from: number | string;
  /** Epoch ms, exclusive, or a local date YYYY-MM-DD, included. */
  readonly to: number | string;
  readonly interval?: Interval;
  readonly groupBy?: readonly Dimension[];
  readonly filters?: readonly Filter[];
  readonly timezone?: string;
  readonly apps?: readonly string[];
}

export interface Series {
  readonly group: Record<string, string>;
  readonly total: number;
  readonly points: { time: string; value: number }[];
}

export interface VideoMetrics {
  readonly video_id: string;
  readonly views: number;
  readonly unique_viewers: number;
  readonly watch_time_seconds: number;
  readonly avg_watch_percentage: number | null;
  readonly completion_rate: number;
  readonly engagement_score: number;
}

export interface Realtime {
  readonly concurrent_viewers: number;
  readonly active_streams: number;
  readonly bandwidth_gbps: number;
  readonly events_per_second: number;
  readonly error_rate: number;
}

export interface RollupRow {
  readonly app_id: string;
  readonly video_id: string;
  /** Epoch ms, a multiple of 5 minutes of UTC. */
  readonly bucket: number;
  readonly impressions: number;
  readonly reach: number;
  readonly completions: number;
}

export interface Oracle {
  readonly accepted: Accepted;
  /** The stored events that count. */
  readonly events: readonly StoredEvent[];
  readonly views: readonly View[];
  /** Dates are YYYY-MM-DD, both included. All apps unless named. */
  videoMetrics(
    videoId: string,
    startDate: string,
    endDate: string,
    timezone?: string,
    apps?: readonly string[],
  ): VideoMetrics;
  /** All series, uncut, the greatest total first. Without groupBy there is always one, else only those with a row. */
  metrics(question: MetricsQuestion): Series[];
  realtime(now: number, apps?: readonly string[]): Realtime;
  /** Rows with an impression, by app, video and bucket. */
  rollup5m(): RollupRow[];
  ledger(): Record<string, LedgerLine>;
}

const distinct = (texts: readonly string[]) => new Set(texts.filter((text) => text !== '')).size;
const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);

const isError = (e: StoredEvent) => e.event_name === 'video_error' || e.event_name === 'error';
const isImpression = (e: StoredEvent) =>
  e.event_name === 'view_end' &&
  (amount(e.properties.watch_ms) ?? 0) >= 600 &&
  e.properties.instant_skip !== true;
const isCompletion = (e: StoredEvent) => isImpression(e) && e.properties.completed === true;

const eventMetrics: Partial<Record<Metric, (events: readonly StoredEvent[]) => number>> = {
  events: (events) => events.length,
  users: (events) => distinct(events.map((e) => e.actor)),
  sessions: (events) => distinct(events.map((e) => e.session_id && JSON.stringify([e.app_id, e.session_id]))),
  page_views: (events) => events.filter((e) => e.event_name === 'page_view').length,
  errors: (events) => events.filter(isError).length,
  impressions: (events) => events.filter(isImpression).length,
  reach: (events) => distinct(events.filter(isImpression).map((e) => e.actor)),
  completions: (events) => events.filter(isCompletion).length,
};

const viewMetrics: Partial<Record<Metric, (views: readonly View[]) => number>> = {
  views: (views) => views.length,
  viewers: (views) => distinct(views.map((v) => v.viewer)),
  watch_time_seconds: (views) => sum(views.map((v) => v.watchMs)) / 1000,
  completion_rate: (views) =>
    views.length === 0 ? 0 : views.filter((v) => v.completed).length / views.length,
};

/** One thing that counts: its moment, the event whose dimensions it has, and itself. */
interface Counted<T> {
  readonly at: number;
  readonly event: StoredEvent;
  readonly item: T;
}

function seriesOf<T>(
  all: readonly Counted<T>[],
  question: MetricsQuestion,
  measure: (items: readonly T[]) => number,
): Series[] {
  const { groupBy = [], filters = [], timezone = 'UTC', interval, apps } = question;
  const from = typeof question.from === 'string' ? startOfDate(timezone, question.from) : question.from;
  const to = typeof question.to === 'string' ? startOfDate(timezone, addDays(question.to, 1)) : question.to;
  const inside = all.filter(
    ({ at, event }) =>
      at >= from &&
      at < to &&
      (!apps || apps.includes(event.app_id)) &&
      filters.every((filter) => passes(event, filter)),
  );
  const groups = Map.groupBy(inside, ({ event }) =>
    JSON.stringify(groupBy.map((d) => dimensionOf(event, d))),
  );
  if (groupBy.length === 0 && groups.size === 0) groups.set('[]', []);

  const buckets = interval ? bucketsBetween(timezone, from, to, interval) : [];
  const series = [...groups].map(([key, rows]) => {
    const values = JSON.parse(key) as string[];
    const byBucket = Map.groupBy(rows, ({ at }) => (interval ? bucketStart(timezone, at, interval) : 0));
    return {
      group: Object.fromEntries(groupBy.map((dimension, i) => [dimension, values[i] ?? ''])),
      total: measure(rows.map(({ item }) => item)),
      points: buckets.map((start) => ({
        time: new Date(start).toISOString(),
        value: measure((byBucket.get(start) ?? []).map(({ item }) => item)),
      })),
    };
  });
  const keyOf = ({ group }: Series) => JSON.stringify(Object.values(group));
  return series.sort((a, b) => b.total - a.total || (keyOf(a) < keyOf(b) ? -1 : 1));
}

function videoMetricsOf(videoId: string, views: readonly View[]): VideoMetrics {
  const known = views.filter((v) => v.durationMs !== null);
  const percentages = known.map((v) => Math.min(100, (100 * v.watchMs) / v.durationMs!));
  const average = known.length === 0 ? null : sum(percentages) / known.length;
  const completionRate = viewMetrics.completion_rate!(views);
  return {
    video_id: videoId,
    views: views.length,
    unique_viewers: distinct(views.map((v) => v.viewer)),
    watch_time_seconds: viewMetrics.watch_time_seconds!(views),
    avg_watch_percentage: average,
    completion_rate: completionRate,
    engagement_score:
      average === null ? 10 * completionRate : 10 * ((0.7 * average) / 100 + 0.3 * completionRate),
  };
}

function bitrateOf({ properties }: StoredEvent): number | null {
  const kilobits = amount(properties.bitrate_kbps);
  return amount(properties.bitrate) ?? (kilobits === null ? null : kilobits * 1000);
}

function isStillPlaying({ event_name, properties }: StoredEvent): boolean {
  if (event_name === 'video_error') return properties.fatal !== true;
  return event_name !== 'view_end' && event_name !== 'video_complete' && event_name !== 'video_pause';
}

function realtimeOf(events: readonly StoredEvent[], views: readonly View[], now: number): Realtime {
  const recent = (e: StoredEvent) => e.receivedAt > now - 60_000 && e.receivedAt <= now;
  const inWindow = events.filter(recent);
  const active = views.filter((view) => view.events.some(recent) && isStillPlaying(view.events.at(-1)!));
  const actors = active.map((view) => view.viewer && JSON.stringify([view.app_id, view.viewer]));
  const streams = active.map((view) => {
    const said = view.events.findLast(
      (e) => typeof e.properties.stream_id === 'string' && e.properties.stream_id,
    );
    return JSON.stringify([view.app_id, said?.properties.stream_id ?? view.video_id]);
  });
  const bitrates = active.map((view) => view.events.map(bitrateOf).findLast((bits) => bits !== null) ?? 0);
  return {
    concurrent_viewers: distinct(actors),
    active_streams: distinct(streams),
    bandwidth_gbps: sum(bitrates) / 1e9,
    events_per_second: inWindow.length / 60,
    error_rate: inWindow.length === 0 ? 0 : inWindow.filter(isError).length / inWindow.length,
  };
}

function rollup5mOf(events: readonly StoredEvent[]): RollupRow[] {
  const fiveMinutesMs = 5 * 60_000;
  const rows = Map.groupBy(events.filter(isImpression), (e) =>
    JSON.stringify([e.app_id, e.video_id, Math.floor(e.at / fiveMinutesMs) * fiveMinutesMs]),
  );
  return [...rows]
    .map(([key, ends]) => {
      const [app_id, video_id, bucket] = JSON.parse(key) as [string, string, number];
      return {
        app_id,
        video_id,
        bucket,
        impressions: ends.length,
        reach: distinct(ends.map((e) => e.actor)),
        completions: ends.filter(isCompletion).length,
      };
    })
    .sort((a, b) => compare(a.app_id, b.app_id) || compare(a.video_id, b.video_id) || a.bucket - b.bucket);
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Reads the whole history at once; every answer is computed afresh from it. */
export function createOracle(deliveries: readonly Delivery[], options: OracleOptions = {}): Oracle {
  const {
    gapLimitMs = 30_000,
    retentionMs = 90 * 24 * 60 * 60_000,
    durations = {},
    isBot = () => false,
    bots = false,
  } = options;
  const accepted = accept(deliveries, { retentionMs, isBot });
  const events = accepted.events.filter((e) => bots || !e.is_bot);
  const views = buildViews(events, { gapLimitMs, durations });
  const ofApps = (apps: readonly string[] | undefined) => (thing: { app_id: string }) =>
    !apps || apps.includes(thing.app_id);
  return {
    accepted,
    events,
    views,
    videoMetrics(videoId, startDate, endDate, timezone = 'UTC', apps) {
      const counted = views.filter((view) => {
        const date = localDate(timezone, view.startedAt);
        return view.video_id === videoId && date >= startDate && date <= endDate;
      });
      return videoMetricsOf(videoId, counted.filter(ofApps(apps)));
    },
    metrics(question) {
      const ofEvents = eventMetrics[question.metric];
      if (ofEvents) {
        return seriesOf(
          events.map((event) => ({ at: event.at, event, item: event })),
          question,
          ofEvents,
        );
      }
      return seriesOf(
        views.map((view) => ({ at: view.startedAt, event: view.first, item: view })),
        question,
        viewMetrics[question.metric]!,
      );
    },
    realtime(now, apps) {
      const until = events.filter((e) => e.receivedAt <= now).filter(ofApps(apps));
      return realtimeOf(until, buildViews(until, { gapLimitMs, durations }), now);
    },
    rollup5m: () => rollup5mOf(events),
    ledger: () => Object.fromEntries(accepted.ledger),
  };
}
