/** A time zone: what its clocks show at a moment, and when that changes. */

export interface ZoneSegment {
  /** Epoch ms, half-open. */
  readonly start: number;
  readonly end: number;
  /** What the clocks are ahead of UTC, ms. */
  readonly offset: number;
}

export interface Zone {
  /** As the caller spelled it. */
  readonly name: string;
  offsetAt(at: number): number;
  /** The range cut where the clocks change. */
  segments(from: number, to: number): ZoneSegment[];
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const QUARTER_MINUTES = 15;
const OFFSET_HOURS_MAX = 14;

/**
 * Reads an IANA name or `±HH:MM` to the quarter of an hour.
 * @throws RangeError that says what is accepted.
 */
export function readZone(text: string): Zone {
  // A plus sign that was not escaped in the query arrives as a blank.
  const name = text.replace(/^ (?=\d\d:\d\d$)/, '+');
  if (name === 'UTC') return fixedZone(name, 0);
  const match = /^([+-])(\d\d):(\d\d)$/.exec(name);
  if (match !== null) return fixedZone(name, readOffset(match));
  return namedZone(name);
}

function readOffset([text, sign, hours, minutes]: RegExpExecArray): number {
  const total = Number(hours) * 60 + Number(minutes);
  if (Number(minutes) > 59 || total % QUARTER_MINUTES !== 0 || total > OFFSET_HOURS_MAX * 60) {
    throw new RangeError(`The offset ${text} is not one of quarter hours up to 14:00.`);
  }
  return (sign === '-' ? -1 : 1) * total * MINUTE_MS;
}

function fixedZone(name: string, offset: number): Zone {
  return {
    name,
    offsetAt: () => offset,
    segments: (from, to) => (from < to ? [{ start: from, end: to, offset }] : []),
  };
}

function namedZone(name: string): Zone {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      timeZoneName: 'longOffset',
      hour: 'numeric',
    });
  } catch (cause) {
    throw new RangeError(`There is no time zone ${JSON.stringify(name)}.`, { cause });
  }
  function offsetAt(at: number): number {
    const spelled = format.formatToParts(at).find((part) => part.type === 'timeZoneName')?.value ?? 'GMT';
    const match = /^GMT([+-])(\d\d):(\d\d)(?::(\d\d))?$/.exec(spelled);
    if (match === null) return 0;
    const [, sign, hours, minutes, seconds = '0'] = match;
    const ahead = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
    return sign === '-' ? -ahead : ahead;
  }
  return { name, offsetAt, segments: (from, to) => cutSegments(offsetAt, from, to) };
}

/** Looks once a day, and closer where two days differ: no zone changes its clocks and back within one. */
function cutSegments(offsetAt: (at: number) => number, from: number, to: number): ZoneSegment[] {
  if (from >= to) return [];
  const segments: ZoneSegment[] = [];
  let start = from;
  let offset = offsetAt(from);
  for (let at = from; at < to; ) {
    const next = Math.min(at + DAY_MS, to);
    const later = offsetAt(next);
    if (later !== offset) {
      const change = findChange(offsetAt, at, next, offset);
      if (change >= to) break;
      segments.push({ start, end: change, offset });
      start = change;
      offset = offsetAt(change);
      at = change;
    } else at = next;
  }
  segments.push({ start, end: to, offset });
  return segments;
}

/** The first whole minute after `low`, at most `high`, at which the offset is another; it is so at `high`. */
function findChange(offsetAt: (at: number) => number, low: number, high: number, offset: number): number {
  let before = Math.floor(low / MINUTE_MS);
  let after = Math.ceil(high / MINUTE_MS);
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (offsetAt(middle * MINUTE_MS) === offset) before = middle;
    else after = middle;
  }
  return after * MINUTE_MS;
}
