import type { DntMode } from '../event/do-not-track.ts';
import { eventLimits } from '../event/event.ts';
import type { LogRecord } from '../log/log.ts';

/** What the headers of a record say of its events. */

/** What ingest wrote beside the events. */
export interface RecordMeta {
  /** Epoch ms. */
  readonly receivedAt: number;
  readonly sentAt: number | null;
  readonly app: string;
  readonly userAgent: string;
  readonly country: string;
  /** Events that ingest put into the record; null from a foreign producer. */
  readonly count: number | null;
  /** Events that ingest left out, as it says in a record that holds none; else 0. */
  readonly filtered: number;
  /** What the times of events have to be within; null when ingest has judged them. */
  readonly allowed: { readonly oldest: number; readonly newest: number } | null;
}

/** How far from the moment of receipt an event of a foreign producer may be; ingest has the same rule for its own. */
export interface ForeignLimits {
  readonly ageMaxMs: number;
  readonly aheadMaxMs: number;
  /** Epoch ms. */
  readonly now: () => number;
}

/** What else is done with events of foreign producers that ingest does with its own. */
export interface ForeignRules extends ForeignLimits {
  readonly dnt: DntMode;
}

/**
 * A record of a foreign producer has no `received_at` of ours: its own timestamp is the time of receipt, as long as it
 * is one that an event could have. Producers write what they like there, -1 and seconds too; then it was received now.
 */
export function readMeta(
  record: LogRecord,
  { defaultApp, foreign }: { readonly defaultApp: string; readonly foreign: ForeignLimits },
): RecordMeta {
  let receivedAt: number | null = null;
  let sentAt: number | null = null;
  let app = defaultApp;
  let userAgent = '';
  let country = '';
  let count: number | null = null;
  let filtered = 0;
  for (const [name, value] of record.headers) {
    if (name === 'received_at') receivedAt = readMoment(value);
    else if (name === 'sent_at') sentAt = readMoment(value);
    else if (name === 'app') app = value || app;
    else if (name === 'ua') userAgent = value;
    else if (name === 'country') country = value;
    else if (name === 'count') count = Number(value);
    else if (name === 'filtered') filtered = Number(value);
  }
  if (receivedAt !== null) {
    // Whoever writes such a record by hand may say anything there.
    if (!Number.isSafeInteger(filtered) || record.value.length > 0) filtered = 0;
    return { receivedAt, sentAt, app, userAgent, country, count, filtered, allowed: null };
  }
  const now = foreign.now();
  const within = (at: number, from: number) =>
    Number.isInteger(at) && at >= from - foreign.ageMaxMs && at <= from + foreign.aheadMaxMs;
  receivedAt = within(record.timestamp, now) ? record.timestamp : now;
  const allowed = { oldest: receivedAt - foreign.ageMaxMs, newest: receivedAt + foreign.aheadMaxMs };
  return { receivedAt, sentAt, app, userAgent, country, count: null, filtered: 0, allowed };
}

/** Epoch ms of a header; null when it is no moment that can be stored. Headers of foreign producers may say anything. */
function readMoment(value: string): number | null {
  const at = Number(value);
  return Number.isInteger(at) && at > 0 && at <= eventLimits.timestampMax ? at : null;
}
