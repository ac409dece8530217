import { HttpProblem } from '../http/problem.ts';
import type { TimeRange } from '../store/sql/range.ts';
import { addDays, isDate, localDate, startOfDate } from './calendar.ts';
import { readZone, type Zone } from './zone.ts';

/** The range of a question: `from` and `to` as instants or local dates, half-open in the end. */

export interface RangeNames {
  readonly from: string;
  readonly to: string;
}

const DEFAULT_DAYS = 7;
/** What a bucket's DateTime can hold; older and later events are not kept anyway. */
const EARLIEST = Date.UTC(1970, 0, 2);
const LATEST = Date.UTC(2106, 0, 1);

/** Answers 400 `invalid_request` for an unknown zone. */
export function readTimezone(text: string | undefined): Zone {
  try {
    return readZone(text ?? 'UTC');
  } catch (cause) {
    const advice =
      'Give an IANA name such as Europe/Berlin, or an offset such as +05:45 (in a URL %2B05:45).';
    throw new HttpProblem('invalid_request', `timezone: ${(cause as Error).message} ${advice}`, { cause });
  }
}

/**
 * Dates are whole days of the zone, both included; an instant in `to` is excluded. Without either it is the last seven
 * days with today; without `from` the seven days up to `to`; without `to` until the end of today.
 * @param names what the parameters are called, for the advice
 */
export function readRange(
  asked: { readonly from?: string; readonly to?: string },
  zone: Zone,
  now: number,
  names: RangeNames = { from: 'from', to: 'to' },
): TimeRange {
  const tomorrow = startOfDate(zone, addDays(localDate(zone, now), 1));
  const to = asked.to === undefined ? null : readMoment(asked.to, zone, names.to, 1);
  const from =
    asked.from === undefined
      ? Math.max(
          EARLIEST,
          startOfDate(zone, addDays(localDate(zone, (to ?? tomorrow) - 1), 1 - DEFAULT_DAYS)),
        )
      : readMoment(asked.from, zone, names.from, 0);
  const range = { from, to: to ?? Math.max(tomorrow, from) };
  if (range.from > range.to) {
    throw new HttpProblem(
      'invalid_request',
      `${names.from} is after ${names.to}. Swap them, or leave one out.`,
    );
  }
  return range;
}

const INSTANT = /^(\d{4}-\d\d-\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?$/i;

/** A date is moved by `days`, so that the end of a range includes it. */
function readMoment(text: string, zone: Zone, name: string, days: number): number {
  // A plus sign that was not escaped in the query arrives as a blank.
  const spelled = text.trim().replace(/ (?=\d\d:?\d\d$)/, (blank, at: number) => (at > 10 ? '+' : blank));
  const at = isDate(spelled) ? startOfDate(zone, addDays(spelled, days)) : readInstant(spelled);
  if (Number.isNaN(at)) {
    const advice = 'Give a date such as 2026-01-31, or an instant such as 2026-01-31T18:00:00Z.';
    throw new HttpProblem(
      'invalid_request',
      `${name}: ${JSON.stringify(text)} is no date and no instant. ${advice}`,
    );
  }
  if (at < EARLIEST || at > LATEST) {
    throw new HttpProblem('invalid_request', `${name}: choose a time between 1970 and 2105.`);
  }
  return at;
}

/** ISO 8601, UTC without a zone like the timestamps of events; NaN when it is none. */
function readInstant(text: string): number {
  const match = INSTANT.exec(text);
  if (match === null || !isDate(match[1]!)) return Number.NaN;
  return Date.parse(match[6] === undefined ? `${text.replace(' ', 'T')}Z` : text.replace(' ', 'T'));
}
