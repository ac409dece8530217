import { eventLimits } from '../event/event.ts';
import { readEpoch, readInstantText } from '../event/kernel/instant.ts';
import { type Leaf, numberLeaf, textLeaf, type Value } from './document.ts';

/** Values of one kind made values of another, where that can be done without guessing. */

export const castKinds = ['number', 'string', 'boolean', 'timestamp'] as const;
export type CastKind = (typeof castKinds)[number];

export function isCastKind(value: unknown): value is CastKind {
  return (castKinds as readonly unknown[]).includes(value);
}

/** The value as that kind, or what stands in the way, as the rest of a sentence that begins with the field. */
export function castValue(value: Value, kind: CastKind): Leaf | string {
  if (value.kind === 'object' || value.kind === 'array' || value.kind === 'null')
    return `is ${value.kind === 'null' ? 'null' : `an ${value.kind}`}; it cannot be made a ${kind}.`;
  const said = value.kind === 'string' ? (JSON.parse(value.text) as string) : value.text;
  const cast = CASTS[kind](said.trim(), value);
  return (
    cast ?? `is ${value.text.length > 80 ? `${value.text.slice(0, 80)}…` : value.text}; that is no ${kind}.`
  );
}

type Cast = (said: string, value: Leaf) => Leaf | null;

const JSON_NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const TRUE = new Set(['true', '1', 'yes', 'on']);
const FALSE = new Set(['false', '0', 'no', 'off']);

const CASTS: Readonly<Record<CastKind, Cast>> = {
  // The digits stay as they are: a number may have more of them than a double.
  number: (said, value) =>
    value.kind !== 'true' && value.kind !== 'false' && JSON_NUMBER.test(said) ? numberLeaf(said) : null,
  string: (said, value) => (value.kind === 'string' ? value : textLeaf(said)),
  boolean(said) {
    const word = said.toLowerCase();
    if (TRUE.has(word)) return { kind: 'true', text: 'true' };
    return FALSE.has(word) ? { kind: 'false', text: 'false' } : null;
  },
  timestamp(said, value) {
    if (value.kind === 'true' || value.kind === 'false') return null;
    const at = value.kind === 'number' ? readNumber(said) : readText(said);
    const isStorable = at >= eventLimits.timestampMin && at <= eventLimits.timestampMax;
    return isStorable ? textLeaf(new Date(at).toISOString()) : null;
  },
};

/** Epoch seconds, milliseconds, microseconds, as events have them, or nanoseconds. NaN when it is none. */
function readNumber(said: string): number {
  const value = Number(said);
  if (Math.abs(value) < 1e17) return readEpoch(value);
  // A double does not hold nanoseconds: their digits are cut off before it becomes one.
  return /^-?\d+$/.test(said) ? Number(BigInt(said) / 1_000_000n) : Number.NaN;
}

const SLASHES = /^(\d{4})\/(\d{2})\/(\d{2})(?:[ T](.+))?$/;
/** RFC 5322 and RFC 9110: `Sat, 31 Jan 2026 18:00:00 GMT`, or with an offset. Without a zone it would be a guess. */
const MAIL_DATE =
  /^(?:[A-Za-z]{3}, )?\d{1,2} [A-Za-z]{3} \d{4} \d{2}:\d{2}(?::\d{2})? (?:GMT|UTC|Z|[+-]\d{4})$/;

function readText(said: string): number {
  const own = readInstantText(said);
  if (!Number.isNaN(own)) return own;
  if (JSON_NUMBER.test(said)) return readNumber(said);
  const slashes = SLASHES.exec(said);
  if (slashes !== null) {
    const [, year, month, day, time] = slashes;
    return readInstantText(`${year}-${month}-${day}${time === undefined ? '' : `T${time}`}`);
  }
  return MAIL_DATE.test(said) ? Date.parse(said.replace(/ Z$/, ' GMT')) : Number.NaN;
}
