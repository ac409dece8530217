/** What a caller may see, and what it asks to see. */
import type { AccessRequest } from '../access/addresses.ts';
import { chooseApps } from '../access/apps.ts';
import { HttpProblem, type ProblemCode } from '../http/problem.ts';

/** The answer to whether a request may read. `id`: who it is; `apps`: which it may see; null for all, [] for none. */
export type Admission =
  | { readonly granted: true; readonly id: string; readonly apps: readonly string[] | null }
  | { readonly granted: false; readonly code: ProblemCode; readonly detail: string };

/** @param from a socket's handshake may carry its credential in the query, since a page can send no header there. */
export type Authorize = (request: AccessRequest, from: 'route' | 'socket') => Admission | Promise<Admission>;

/** What one socket wants. null: no choice made. */
export interface Subscription {
  readonly apps: readonly string[] | null;
  readonly eventNames: readonly string[] | null;
  readonly videoId: string | null;
  /** Whether it wants events at all; metrics always come. */
  readonly events: boolean;
}

const LIST_MAX = 100;
const TEXT_MAX = 256;

/** The apps that `text` (comma-separated) chooses among the allowed ones. Throws HttpProblem. */
export function readApps(
  text: string | undefined,
  allowed: readonly string[] | null,
): readonly string[] | null {
  const apps = chooseApps([text ?? ''], allowed);
  if (apps !== allowed && apps!.length > LIST_MAX)
    throw new HttpProblem('invalid_request', `app_id names at most ${LIST_MAX} apps.`);
  return apps;
}

/** Reads a message of a socket; the only one is `subscribe`. Throws HttpProblem. */
export function readSubscribe(data: string, allowed: readonly string[] | null): Subscription {
  let message: unknown;
  try {
    message = JSON.parse(data);
  } catch (cause) {
    throw new HttpProblem('invalid_json', 'A message is one JSON object.', { cause });
  }
  if (!isObject(message) || message.type !== 'subscribe') {
    throw new HttpProblem('invalid_request', 'A message is {"type":"subscribe","payload":{…}}.');
  }
  const payload = message.payload ?? {};
  if (!isObject(payload)) throw new HttpProblem('invalid_request', 'payload is an object.');
  const events = payload.events ?? true;
  if (typeof events !== 'boolean') throw new HttpProblem('invalid_request', 'events is true or false.');
  return {
    apps: readApps(readText(payload.app_id, 'app_id', TEXT_MAX * LIST_MAX) ?? undefined, allowed),
    eventNames: readNames(payload.event_name),
    videoId: readText(payload.video_id, 'video_id', TEXT_MAX),
    events,
  };
}

/** The subscription as the API writes it. */
export function describeSubscription({ apps, eventNames, videoId, events }: Subscription): object {
  return { app_id: apps === null ? null : apps.join(','), event_name: eventNames, video_id: videoId, events };
}

function readNames(value: unknown): readonly string[] | null {
  if (value === undefined || value === null) return null;
  const list: unknown[] = Array.isArray(value) ? value : [value];
  if (list.length > LIST_MAX)
    throw new HttpProblem('invalid_request', `event_name has at most ${LIST_MAX} names.`);
  const names = list.map((name) => readText(name, 'event_name', TEXT_MAX));
  const known = names.filter((name) => name !== null);
  return known.length === 0 ? null : [...new Set(known)].sort();
}

function readText(value: unknown, name: string, charsMax: number): string | null {
  if (value === undefined || value === null || value === '') return null;
  if (typeof value === 'string' && value.length <= charsMax) return value;
  throw new HttpProblem('invalid_request', `${name} holds text of at most ${charsMax} characters.`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
