/** Second half of the oracle: views out of stored events, each with the numbers that §5 defines for one view. */
import type { StoredEvent } from './accept.ts';

export interface View {
  readonly app_id: string;
  readonly video_id: string;
  /** All its events of any name, by (timestamp, order of receipt). */
  readonly events: readonly StoredEvent[];
  /** Its first event of those that make a view exist. */
  readonly first: StoredEvent;
  /** Epoch ms of that event. */
  readonly startedAt: number;
  readonly viewer: string;
  readonly watchMs: number;
  /** null when neither the catalogue nor the player said. */
  readonly durationMs: number | null;
  readonly completed: boolean;
}

export interface ViewOptions {
  readonly gapLimitMs: number;
  /** The catalogue: duration in ms by video_id. */
  readonly durations: Readonly<Record<string, number>>;
}

const beginsAView = new Set([
  'video_start',
  'video_progress',
  'video_heartbeat',
  'video_complete',
  'view_end',
]);
const setsPlaying = new Set(['video_start', 'video_resume']);
const clearsPlaying = new Set([
  'video_pause',
  'video_buffer',
  'video_buffering',
  'video_complete',
  'video_error',
  'view_end',
]);

/** A property as a finite number that is not negative, or null. */
export function amount(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
}

function watchTime(events: readonly StoredEvent[], gapLimitMs: number): number {
  const gapBefore = (i: number) => (i === 0 ? 0 : Math.min(events[i]!.at - events[i - 1]!.at, gapLimitMs));

  const ends = events.filter((e) => e.event_name === 'view_end').map((e) => amount(e.properties.watch_ms));
  const known = ends.filter((ms) => ms !== null);
  if (known.length > 0) return Math.max(...known);

  const beats = events
    .map((e, i) => ({ e, i }))
    .filter(({ e }) => /^video_(progress|heartbeat)$/.test(e.event_name));
  if (beats.length > 0) {
    return beats.reduce((sum, { e, i }) => sum + (amount(e.properties.watch_ms) ?? gapBefore(i)), 0);
  }

  let playing = false;
  let sum = 0;
  for (const [i, event] of events.entries()) {
    if (playing) sum += gapBefore(i);
    if (setsPlaying.has(event.event_name)) playing = true;
    if (clearsPlaying.has(event.event_name)) playing = false;
  }
  return sum;
}

function durationSaid(events: readonly StoredEvent[]): number | null {
  for (const { properties } of events.toReversed()) {
    const milliseconds = amount(properties.duration_ms);
    if (milliseconds) return milliseconds;
    const seconds = amount(properties.duration);
    if (seconds) return seconds * 1000;
  }
  return null;
}

/** Groups stored events into views; those without any event that makes a view exist are none. */
export function buildViews(stored: readonly StoredEvent[], options: ViewOptions): View[] {
  const byView = Map.groupBy(
    stored.filter((e) => e.view !== ''),
    (e) => e.view,
  );
  const views: View[] = [];
  for (const group of byView.values()) {
    const events = group.toSorted((a, b) => a.at - b.at || a.order - b.order);
    const first = events.find((e) => beginsAView.has(e.event_name));
    if (!first) continue;
    views.push({
      app_id: first.app_id,
      video_id: first.video_id,
      events,
      first,
      startedAt: first.at,
      viewer: first.actor,
      watchMs: watchTime(events, options.gapLimitMs),
      durationMs: options.durations[first.video_id] ?? durationSaid(events),
      completed: events.some((e) => e.event_name === 'video_complete' || e.properties.completed === true),
    });
  }
  return views;
}
