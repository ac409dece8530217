import { eventFields } from '../event/event.ts';
import { type CastKind, castKinds, castValue, isCastKind } from './cast.ts';
import {
  documentOf,
  findObstacle,
  findValue,
  isDocument,
  type NotOneValue,
  putValue,
  readDocument,
  type Value,
} from './document.ts';

/**
 * A fix: a few steps that turn an event that could not be taken into one that can. The steps are pure; what they do not
 * touch stays as it was written.
 *
 * A field is a path with dots, `properties.watch_ms`; `\.` is a dot within a key; `.` alone is the event as a whole.
 */

export const fixOps = ['set', 'rename', 'remove', 'cast'] as const;
export type FixOp = (typeof fixOps)[number];

/** One step as a caller gives it. */
export interface GivenStep {
  readonly op: string;
  readonly field: string;
  /** `set`: any JSON; `rename`: the new path; `cast`: a kind of value. */
  readonly value?: unknown;
}

interface Step {
  readonly op: FixOp;
  readonly field: string;
  readonly path: readonly string[];
  readonly value: unknown;
}

export type Fix = readonly Step[];

export const FIX_STEPS_MAX = 50;

/** A step that is wrong in itself, whatever event it meets. The message says which, and what would be right. */
export class FixError extends Error {
  override readonly name = 'FixError';
}

/** Why a step could not be done to an event. */
export interface FixFault {
  /** Of the step, from 0. */
  readonly step: number;
  readonly detail: string;
}

/** @throws FixError */
export function readFix(given: readonly GivenStep[]): Fix {
  if (given.length > FIX_STEPS_MAX)
    throw new FixError(`The fix has ${given.length} steps; it takes at most ${FIX_STEPS_MAX}.`);
  return given.map((step, index) => readStep(step, `fix[${index}]`));
}

function readStep({ op, field, value }: GivenStep, name: string): Step {
  if (!(fixOps as readonly string[]).includes(op))
    throw new FixError(`${name}: op is ${JSON.stringify(op)}; it takes ${fixOps.join(', ')}.`);
  const path = readPath(field, `${name}: field`);
  if (op !== 'set' && path.length === 0)
    throw new FixError(`${name}: ${op} is for a field; only set takes ".", the whole event.`);
  if (op === 'set') {
    if (value === undefined) throw new FixError(`${name}: set takes a value.`);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (path.length === 0 && !isObject) throw new FixError(`${name}: an event is a JSON object.`);
  }
  if (op === 'rename') {
    if (typeof value !== 'string')
      throw new FixError(`${name}: rename takes the new name as its value, such as "timestamp".`);
    if (readPath(value, `${name}: value`).length === 0)
      throw new FixError(`${name}: value is "."; rename takes the name of a field.`);
  }
  if (op === 'cast' && !isCastKind(value))
    throw new FixError(
      `${name}: cast takes ${castKinds.join(', ')} as its value, not ${JSON.stringify(value)}.`,
    );
  return { op: op as FixOp, field, path, value };
}

/** @throws FixError */
export function readPath(field: string, name: string): string[] {
  if (field === '.') return [];
  const keys: string[] = [];
  let key = '';
  for (let i = 0; i < field.length; i++) {
    if (field[i] === '.') {
      keys.push(key);
      key = '';
    } else {
      if (field[i] === '\\' && i + 1 < field.length) i++;
      key += field[i];
    }
  }
  keys.push(key);
  if (keys.includes(''))
    throw new FixError(`${name} is ${JSON.stringify(field)}; it takes names with a dot between them.`);
  return keys;
}

const idField = eventFields.find(({ name }) => name === 'event_id')!;
const idNames: readonly string[] = [idField.name, ...idField.aliases];

/** True when the fix would give every event that it is applied to the same event_id: it is for one letter at a time. */
export function isForOne(fix: Fix): boolean {
  return fix.some(
    ({ op, path }) => op === 'set' && path.length <= 1 && idNames.includes(path[0] ?? idField.name),
  );
}

/** True when the first step makes an event of its own, so that it does not matter what was there. */
export function replacesAll(fix: Fix): boolean {
  const [first] = fix;
  return first?.op === 'set' && first.path.length === 0;
}

/** The event after all steps, or the first step that could not be done. */
export function applyFix(fix: Fix, event: Value): { readonly event: Value } | { readonly fault: FixFault } {
  let now = event;
  for (const [index, step] of fix.entries()) {
    const done = applyStep(step, now);
    if (typeof done === 'string') return { fault: { step: index, detail: `fix[${index}]: ${done}` } };
    now = done;
  }
  return { event: now };
}

/** The event after the step, or why not. */
function applyStep({ op, field, path, value }: Step, event: Value): Value | string {
  if (path.length === 0) return documentOf(value);
  const obstacle = describeObstacle(event, path);
  if (op === 'set') return obstacle ?? putValue(event, path, documentOf(value));
  const found = findValue(event, path);
  if (op === 'remove') return found === undefined ? event : putValue(event, path, undefined);
  if (found === undefined) return obstacle ?? `there is no field ${field}.`;
  if (op === 'rename') return renameField(event, { field, path, found, to: value as string });
  const cast = castValue(found, value as CastKind);
  return typeof cast === 'string' ? `${field} ${cast}` : putValue(event, path, cast);
}

interface Renaming {
  readonly field: string;
  readonly path: readonly string[];
  readonly found: Value;
  readonly to: string;
}

function renameField(event: Value, { field, path, found, to }: Renaming): Value | string {
  const target = readPath(to, 'value');
  if (target.join('\0') === path.join('\0')) return event;
  const without = putValue(event, path, undefined);
  const obstacle = describeObstacle(without, target);
  if (obstacle !== null) return obstacle;
  const there = findValue(without, target);
  // Null is as good as absent, as it is everywhere in an event.
  if (there !== undefined && there.kind !== 'null')
    return `${field} cannot become ${to}: there is a field ${to} already; remove it first.`;
  return putValue(without, target, found);
}

function describeObstacle(event: Value, path: readonly string[]): string | null {
  const obstacle = findObstacle(event, path);
  if (obstacle === null) return null;
  const { kind } = findValue(event, obstacle)!;
  const what = kind === 'true' || kind === 'false' ? 'boolean' : kind;
  const article = kind === 'array' ? 'an' : 'a';
  if (obstacle.length === 0) return `the event is ${article} ${what}, no object.`;
  return `${obstacle.join('.')} is ${article} ${what}; a fix reaches into objects only.`;
}

/** The event as one JSON object, or why the bytes of a letter are none. */
export function readEvent(payload: string): Value | NotOneValue {
  const read = readDocument(payload);
  if (isDocument(read) && read.kind === 'array') return { kind: 'several', detail: 'It is an array.' };
  return read;
}
