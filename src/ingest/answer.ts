/** Answers of the hot routes, written on the raw response, and the texts of their bodies. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { eventFields } from '../event/event.ts';
import type { EventVerdict } from '../event/kernel.ts';
import { HttpProblem, problemBody, retryAfterSeconds } from '../http/problem.ts';
import type { HotContext } from '../http/server.ts';
import { drainBody, readDeclaredLength } from './body.ts';
import type { Taken } from './intake.ts';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly context: HotContext;
  /** Flat: name, value, … */
  readonly corsHeaders: readonly string[];
}

export interface Answer {
  readonly status: number;
  readonly type: 'application/json' | 'application/problem+json';
  readonly body: string;
  /** Flat: name, value, … */
  readonly headers: readonly string[];
}

/** What a route answers when it took events. */
export type AnswerForm = 'batch' | 'one' | 'id';

const noHeaders: readonly string[] = [];

export function takenAnswer(taken: Taken, form: AnswerForm): Answer {
  return { status: 202, type: 'application/json', body: takenBody(taken, form), headers: noHeaders };
}

// Put together by hand: ids are UUIDs and counts are numbers, so nothing in here needs escaping.
function takenBody({ accepted, verdicts, firstId }: Taken, form: AnswerForm): string {
  const id = firstId === null ? 'null' : `"${firstId}"`;
  if (form === 'id') return `{"event_id":${id}}`;
  if (form === 'one') return `{"accepted":${accepted},"rejected":${verdicts.length},"event_id":${id}}`;
  if (verdicts.length === 0) return `{"accepted":${accepted},"rejected":0,"results":[]}`;
  const results = JSON.stringify(verdictResults(verdicts));
  return `{"accepted":${accepted},"rejected":${verdicts.length},"results":${results}}`;
}

export interface VerdictResult {
  readonly index: number;
  readonly code: string;
  readonly reason: string;
  /** As the client sent it, when it can be told. */
  readonly event_id?: string;
}

export function verdictResults(verdicts: readonly EventVerdict[]): VerdictResult[] {
  return verdicts.map(({ index, code, detail, raw }) => {
    const id = readEventId(raw);
    return id === null ? { index, code, reason: detail } : { index, code, reason: detail, event_id: id };
  });
}

const idField = eventFields.find(({ name }) => name === 'event_id')!;
const idNames = [idField.name, ...idField.aliases];
const echoBytesMax = 65_536;

/** Refused events are few or their sender is broken, so parsing them again for their id is affordable. */
function readEventId(raw: Uint8Array): string | null {
  if (raw.length > echoBytesMax) return null;
  try {
    const event: unknown = JSON.parse(Buffer.from(raw.buffer, raw.byteOffset, raw.length).toString());
    if (typeof event !== 'object' || event === null) return null;
    const fields = event as Record<string, unknown>;
    const name = idNames.find((key) => typeof fields[key] === 'string');
    return name === undefined ? null : (fields[name] as string).slice(0, 200);
  } catch {
    return null;
  }
}

/** The 400 for a request of which no event is good; 403 when they are all of apps that the key may not write to. */
export function allRefused(verdicts: readonly EventVerdict[]): HttpProblem {
  const first = verdicts[0]!;
  const detail = verdicts.length === 1 ? first.detail : `All ${verdicts.length} events were refused.`;
  const foreign = verdicts.every(({ code }) => code === 'app_forbidden');
  return new HttpProblem(foreign ? 'app_forbidden' : 'no_valid_events', detail, {
    extra: { accepted: 0, rejected: verdicts.length, results: verdictResults(verdicts) },
  });
}

export function problemAnswer(problem: HttpProblem, requestId: string): Answer {
  const headers: string[] = ['cache-control', 'no-store'];
  if (problem.retryAfterMs !== null)
    headers.push('retry-after', String(retryAfterSeconds(problem.retryAfterMs)));
  if (problem.statusCode === 401) headers.push('www-authenticate', 'Bearer');
  return {
    status: problem.statusCode,
    type: 'application/problem+json',
    body: problemBody(problem.code, problem.message, requestId, problem.extra),
    headers,
  };
}

// So much of an unread body is worth swallowing to keep the connection.
const swallowBytesMax = 65_536;

/** Writes the answer, and deals with a body that was not, or not wholly, read. */
export function writeAnswer(exchange: Exchange, answer: Answer): void {
  const { request, response, context, corsHeaders } = exchange;
  if (response.destroyed) return;
  const unread = !request.complete;
  const declared = readDeclaredLength(request);
  // A client that waits for "100 Continue" has not begun to send; one that was never read from is swallowed by node.
  const waiting = unread && request.headers.expect !== undefined && request.readableFlowing === null;
  const swallowed =
    unread &&
    !waiting &&
    request.readableFlowing === null &&
    declared !== null &&
    declared <= swallowBytesMax;
  const lines = [
    'content-type',
    answer.type,
    'content-length',
    String(Buffer.byteLength(answer.body)),
    'x-request-id',
    context.requestId,
    ...corsHeaders,
    ...answer.headers,
  ];
  if (context.closing() || (unread && !swallowed)) lines.push('connection', 'close');
  response.writeHead(answer.status, lines);
  if (!unread || waiting || swallowed) {
    response.end(answer.body);
  } else {
    // The whole answer goes out now; the connection ends when the client had the chance to read it.
    response.write(answer.body);
    drainBody(request, () => response.end());
  }
}
