import { derivedEventId, formatUuid } from '../event/kernel/uuid.ts';
import type { LogRecord, NewRecord } from '../log/log.ts';
import type { DerivedRow, Trigger, ViewKey, ViewState, ViewWitness } from '../store/derived.ts';

/** The derived events: what they say, their ids, and how they stand in a record. */

export const DERIVED_NAMES = ['VideoWatched', 'VideoError'] as const;
export type DerivedName = (typeof DERIVED_NAMES)[number];

/** One event, as it stands on the topic, in a webhook and on a WebSocket. Times are ISO 8601 UTC with ms. */
export interface DerivedEvent {
  readonly event_id: string;
  readonly event_name: DerivedName;
  readonly app_id: string;
  readonly view_id: string | null;
  readonly video_id: string | null;
  readonly user_id: string | null;
  readonly session_id: string | null;
  readonly [field: string]: unknown;
}

const said = (text: string): string | null => (text === '' ? null : text);
const iso = (ms: number): string => new Date(ms).toISOString();

/** Of a view there is one, whatever gave rise to it. */
export function watchedId({ app_id, video_id, view_id }: ViewKey): string {
  return formatUuid(derivedEventId('VideoWatched', app_id, video_id, view_id));
}

export function errorId({ app_id, event_id }: Pick<Trigger, 'app_id' | 'event_id'>): string {
  return formatUuid(derivedEventId('VideoError', app_id, event_id));
}

export function createVideoWatched(view: ViewState, witness: ViewWitness): DerivedEvent {
  return {
    event_id: watchedId(view),
    event_name: 'VideoWatched',
    app_id: view.app_id,
    view_id: view.view_id,
    video_id: said(view.video_id),
    user_id: said(witness.user_id),
    session_id: said(witness.session_id),
    watch_ms: view.watch_ms,
    watched_percentage: view.watched_percentage,
    completed: view.completed,
    started_at: iso(view.started_at),
    ended_at: iso(view.ended_at),
    is_bot: view.is_bot,
  };
}

export function createVideoError(error: Trigger): DerivedEvent {
  return {
    event_id: errorId(error),
    event_name: 'VideoError',
    app_id: error.app_id,
    view_id: said(error.view_id),
    video_id: said(error.video_id),
    user_id: said(error.user_id),
    session_id: said(error.session_id),
    source_event_id: error.event_id,
    timestamp: iso(error.at),
    fatal: error.fatal,
    properties: JSON.parse(error.properties || '{}') as object,
    is_bot: error.is_bot,
  };
}

/** What belongs together is told in order: everything of a view, and what has none by itself. */
export function orderKey({ app_id, video_id, view_id, event_id }: DerivedEvent): string {
  return view_id === null ? event_id : JSON.stringify([app_id, video_id, view_id]);
}

/** Partition 0: the order of the topic is the order in which things were found out. */
export const DERIVED_PARTITION = 0;

export function createRecord(event: DerivedEvent, now: number): NewRecord {
  return {
    partition: DERIVED_PARTITION,
    key: Buffer.from(event.view_id ?? event.event_id),
    headers: [
      ['event_id', event.event_id],
      ['event_name', event.event_name],
      ['app', event.app_id],
      ['content-type', 'application/json'],
    ],
    value: Buffer.from(JSON.stringify(event)),
    timestamp: now,
  };
}

/** The event of a record; null when it is none of ours. */
export function readDerived(record: LogRecord): DerivedEvent | null {
  try {
    const event = JSON.parse(Buffer.from(record.value).toString()) as DerivedEvent | null;
    const isOurs = typeof event?.event_id === 'string' && typeof event.app_id === 'string';
    return isOurs && DERIVED_NAMES.includes(event.event_name) ? event : null;
  } catch {
    return null;
  }
}

/** As it is recorded. */
export function readRow(record: LogRecord): DerivedRow | null {
  const event = readDerived(record);
  if (event === null) return null;
  const { event_id, event_name, app_id } = event;
  return {
    event_id,
    event_name,
    app_id,
    video_id: event.video_id ?? '',
    view_id: event.view_id ?? '',
    payload: Buffer.from(record.value).toString(),
    published_at: record.timestamp,
  };
}
