import { hash } from 'node:crypto';
import { HttpProblem } from '../http/problem.ts';

/**
 * Cursors of lists: where the last page ended, opaque to the caller. A cursor belongs to one list with one set of
 * filters; with another it is refused, since it would silently skip rows.
 */

/** Names the list and what filters it; the size of a page is no part of it. */
export function listKey(parts: unknown): string {
  return hash('sha256', JSON.stringify(parts), 'base64url').slice(0, 8);
}

type PlaceType = 'number' | 'string' | 'uuid';

const fits: Readonly<Record<PlaceType, (value: unknown) => boolean>> = {
  number: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  string: (value) => typeof value === 'string',
  uuid: (value) => typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value),
};

export function writeCursor(key: string, place: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify([key, ...place])).toString('base64url');
}

/**
 * The place that `writeCursor` was given, as one of these types each; null without a cursor.
 * Answers 400 `invalid_cursor` for anything else.
 */
export function readCursor(
  cursor: string | undefined,
  key: string,
  types: readonly PlaceType[],
): (string | number)[] | null {
  if (cursor === undefined || cursor === '') return null;
  const refuse = () =>
    new HttpProblem(
      'invalid_cursor',
      'The cursor is not one of this list with these filters. Start without it.',
    );
  let place: unknown;
  try {
    place = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    throw refuse();
  }
  if (!Array.isArray(place) || place.length !== types.length + 1 || place[0] !== key) throw refuse();
  const values = place.slice(1) as unknown[];
  if (!values.every((value, i) => fits[types[i]!](value))) throw refuse();
  return values as (string | number)[];
}
