import type { AnalyticsEvent } from '../../data/types.ts';
import { isErrorEvent } from '../../format/event.ts';

/** A silence worth telling, after which the event came. */
export const GAP_MIN_MS = 60_000;

export type Lane = 'Pages' | 'Playback' | 'Errors' | 'Others';
export const LANES: readonly Lane[] = ['Pages', 'Playback', 'Errors', 'Others'];

export interface Moment {
  event: AnalyticsEvent;
  /** Since the first event, ms. */
  sinceStartMs: number;
  /** Since the event before, ms; 0 for the first. */
  gapMs: number;
  lane: Lane;
}

export interface Timeline {
  moments: Moment[];
  startedAt: string;
  endedAt: string;
  durationMs: number;
  pages: number;
  plays: number;
  errors: number;
}

function laneOf(name: string): Lane {
  if (isErrorEvent(name)) return 'Errors';
  if (name === 'page_view') return 'Pages';
  return /^(video_|view_end$|quality_change$|seek$)/.test(name) ? 'Playback' : 'Others';
}

/** The events of one session in order of time; null without any. Events of the same time stay as they were answered. */
export function timelineOf(events: readonly AnalyticsEvent[]): Timeline | null {
  const at = (event: AnalyticsEvent): number => Date.parse(event.timestamp);
  const sorted = [...events].sort((a, b) => at(a) - at(b));
  const [first] = sorted;
  const last = sorted.at(-1);
  if (first === undefined || last === undefined) return null;
  const moments = sorted.map((event, index) => ({
    event,
    sinceStartMs: at(event) - at(first),
    gapMs: index === 0 ? 0 : at(event) - at(sorted[index - 1]!),
    lane: laneOf(event.event_name),
  }));
  const count = (isOne: (event: AnalyticsEvent) => boolean): number => sorted.filter(isOne).length;
  return {
    moments,
    startedAt: first.timestamp,
    endedAt: last.timestamp,
    durationMs: at(last) - at(first),
    pages: count(({ event_name }) => event_name === 'page_view'),
    plays: count(({ event_name }) => event_name === 'video_start'),
    errors: count(({ event_name }) => isErrorEvent(event_name)),
  };
}

type Fact =
  | 'user_id'
  | 'anonymous_id'
  | 'country'
  | 'device'
  | 'os'
  | 'browser'
  | 'referrer'
  | 'utm_source'
  | 'utm_campaign';
const FACTS: readonly Fact[] = [
  'user_id',
  'anonymous_id',
  'country',
  'device',
  'os',
  'browser',
  'referrer',
  'utm_source',
  'utm_campaign',
];

/** What is known of a session: of each field the first value that an event carries. */
export function factsOf(moments: readonly Moment[]): { field: Fact; value: string }[] {
  return FACTS.flatMap((field) => {
    const value = moments.find(({ event }) => event[field])?.event[field];
    return value ? [{ field, value }] : [];
  });
}
