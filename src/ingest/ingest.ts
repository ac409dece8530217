/**
 * Events in over HTTP: the native routes, on raw node:http. In: requests. Out: records in the log, dead letters for
 * what was refused beside accepted events, and an answer. What can be lost: nothing that was answered 202.
 *
 * No event becomes an object here. What can refuse a request without its body does so before the body is read.
 */
import type { IncomingMessage } from 'node:http';
import { HttpProblem } from '../http/problem.ts';
import type { HotHandler } from '../http/server.ts';
import { readTraceHeaders } from '../http/traced.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import { type Admission, type AdmissionOptions, admit, readCountry } from './admission.ts';
import {
  type Answer,
  type AnswerForm,
  allRefused,
  type Exchange,
  problemAnswer,
  takenAnswer,
  writeAnswer,
} from './answer.ts';
import { readBody, UploadAborted } from './body.ts';
import { asksNotToBeTracked } from './do-not-track.ts';
import { createGate, type Gate, type Pressure } from './gate.ts';
import type { GeoLookup } from './geo.ts';
import { type BodyCoding, inflateBody, sniffCoding } from './inflate.ts';
import { createIntake, type Intake, type IntakeLimits, type IntakeOptions, type Origin } from './intake.ts';

export interface IngestLimits extends IntakeLimits {
  /** Of a body, as sent and inflated. */
  readonly bodyBytesMax: number;
  readonly eventsMax: number;
  readonly bodyBytesInFlightMax: number;
  readonly requestsInFlightMax: number;
}

const dayMs = 86_400_000;

export const defaultIngestLimits: IngestLimits = {
  bodyBytesMax: 1_048_576,
  eventsMax: 1000,
  bodyBytesInFlightMax: 134_217_728,
  requestsInFlightMax: 8192,
  ackTimeoutMs: 10_000,
  ageMaxMs: 90 * dayMs,
  aheadMaxMs: dayMs,
};

type OwnAdmissionOptions = Omit<AdmissionOptions, 'metrics' | 'bodyBytesMax'>;

export interface IngestOptions extends Omit<IntakeOptions, 'limits'>, OwnAdmissionOptions {
  readonly limits: IngestLimits;
  /** Null while the pipeline and the disk keep up. Asked for every request: it should only look at a number. */
  readonly pressure: () => Pressure | null;
  readonly geo: GeoLookup;
  readonly logger: Logger;
  /** Default null. */
  readonly tracing?: Tracing | null;
}

export interface Ingest {
  /** Handlers by exact path, for `HttpServer.addHot`. */
  readonly routes: ReadonlyMap<string, HotHandler>;
  /** For other protocols: what takes canonical events. */
  readonly intake: Intake;
}

interface Route {
  readonly form: AnswerForm;
  /** The name of events that have none. */
  readonly defaultName: string | null;
}

const nativeRoutes: Readonly<Record<string, Route>> = {
  '/events': { form: 'batch', defaultName: null },
  '/api/events': { form: 'id', defaultName: null },
  '/v1/ingest/session': { form: 'one', defaultName: 'session_start' },
  '/v1/ingest/event': { form: 'one', defaultName: null },
  '/v1/ingest/pageview': { form: 'one', defaultName: 'page_view' },
  '/v1/ingest/batch': { form: 'batch', defaultName: null },
};

const methods = 'POST, OPTIONS';
const userAgentCharsMax = 1024;

/** What the functions below share. */
interface Desk {
  readonly options: IngestOptions;
  readonly admission: AdmissionOptions;
  readonly gate: Gate;
  readonly intake: Intake;
}

export function createIngest(options: IngestOptions): Ingest {
  const { limits, metrics } = options;
  const intake = createIntake(options);
  const gate = createGate({ ...limits, pressure: options.pressure, metrics: metrics.ingest });
  metrics.ingest.watch(() => ({ requests: gate.requests, bytes: gate.bytes }));
  const admission = { ...options, metrics: metrics.ingest, bodyBytesMax: limits.bodyBytesMax };
  const desk: Desk = { options, admission, gate, intake };
  const routes = new Map(
    Object.entries(nativeRoutes).map(([path, route]) => [path, createHandler(desk, route)]),
  );
  return { routes, intake };
}

function createHandler(desk: Desk, route: Route): HotHandler {
  const { cors, tracing = null } = desk.options;
  return (request, response, context) => {
    if (request.method === 'POST') {
      const corsHeaders = cors.headers(request.headers, 'ingest');
      const exchange = { request, response, context, corsHeaders };
      void (tracing === null ? serve(desk, exchange, route) : serveTraced(desk, exchange, route, tracing));
    } else if (request.method === 'OPTIONS') {
      const lines = cors.preflight(request.headers, 'ingest', methods);
      response.writeHead(204, [...lines, 'x-request-id', context.requestId]);
      response.end();
    } else {
      const problem = new HttpProblem('method_not_allowed', `${request.method} is not served here; POST is.`);
      const answer = problemAnswer(problem, context.requestId);
      const body = request.method === 'HEAD' ? '' : answer.body;
      const headers = [...answer.headers, 'allow', methods];
      writeAnswer({ request, response, context, corsHeaders: [] }, { ...answer, headers, body });
    }
  };
}

async function serve(desk: Desk, exchange: Exchange, route: Route): Promise<void> {
  const { metrics } = desk.options;
  const startedAt = performance.now();
  let answer: Answer;
  try {
    answer = await take(desk, exchange, route);
  } catch (error) {
    if (error instanceof UploadAborted) {
      metrics.ingest.aborted.add(1);
      exchange.response.destroy();
      return;
    }
    answer = refusal(desk, error, exchange.context.requestId);
  }
  writeAnswer(exchange, answer);
  metrics.ingest.answers.add(String(answer.status), 1);
  metrics.ingest.seconds.observe((performance.now() - startedAt) / 1000);
}

/** The same in a span that goes on from the sender's, with what the log and the pipeline do behind it. */
async function serveTraced(desk: Desk, exchange: Exchange, route: Route, tracing: Tracing): Promise<void> {
  const { request, response, context } = exchange;
  const span = tracing.start({
    name: `POST ${context.path}`,
    kind: 'server',
    parent: readTraceHeaders(request),
    attributes: {
      'http.request.method': 'POST',
      'http.route': context.path,
      'url.path': context.path,
      'sluice.request_id': context.requestId,
    },
  });
  await tracing.run(span, () => serve(desk, exchange, route));
  const { statusCode } = response;
  span.set({ 'http.response.status_code': statusCode });
  if (statusCode >= 500) span.failed(`answered ${statusCode}`);
  span.end();
}

async function take(desk: Desk, exchange: Exchange, route: Route): Promise<Answer> {
  const { options, gate, intake } = desk;
  const { request, response } = exchange;
  const admission = await admit(request, desk.admission);
  gate.enter(admission.declaredBytes);
  const held = createHold(gate);
  let handedOver = false;
  try {
    if (request.headers.expect !== undefined) response.writeContinue();
    const body = await readWhole(desk, request, admission.coding, held);
    const origin = readOrigin(desk, exchange, route, admission);
    handedOver = true;
    const taken = await intake.take(body, origin, held.releaseAll);
    options.rateLimiter?.spend(admission.bucket, taken.accepted + taken.verdicts.length);
    if (taken.accepted + taken.filtered === 0) throw allRefused(taken.verdicts);
    return takenAnswer(taken, route.form);
  } finally {
    if (!handedOver) held.releaseAll();
    gate.leave();
  }
}

/** The bytes of one request that count as under way. */
interface Hold {
  /** False: there is no room. */
  take(bytes: number): boolean;
  release(bytes: number): void;
  releaseAll(): void;
}

function createHold(gate: Gate): Hold {
  let held = 0;
  const release = (bytes: number) => {
    gate.release(bytes);
    held -= bytes;
  };
  return {
    take(bytes) {
      if (!gate.take(bytes)) return false;
      held += bytes;
      return true;
    },
    release,
    releaseAll: () => release(held),
  };
}

async function readWhole(
  { options, gate }: Desk,
  request: IncomingMessage,
  declared: BodyCoding | null,
  held: Hold,
): Promise<Uint8Array> {
  const { bodyBytesMax } = options.limits;
  const { metrics } = options;
  const raw = await readBody(request, { bytesMax: bodyBytesMax, take: held.take, full: gate.full });
  metrics.ingest.bytes.add(raw.length);
  const coding = declared ?? sniffCoding(raw);
  if (coding === null || raw.length === 0) return raw;
  // Room for the worst case first, since the size is not known before it is there.
  if (!held.take(bodyBytesMax)) throw gate.full();
  const body = await inflateBody(raw, coding, bodyBytesMax);
  held.release(bodyBytesMax - body.length);
  metrics.ingest.inflatedBytes.add(body.length);
  return body;
}

function readOrigin({ options }: Desk, exchange: Exchange, route: Route, admission: Admission): Origin {
  const { headers } = exchange.request;
  const type = headers['content-type'];
  return {
    app: admission.principal.app,
    apps: admission.principal.apps,
    source: exchange.context.path,
    userAgent: (headers['user-agent'] ?? '').slice(0, userAgentCharsMax),
    country: readCountry(exchange.request, options.access, options.geo),
    sentAt: null,
    mode: type !== undefined && /ndjson|jsonl|json-seq/i.test(type) ? 'ndjson' : 'auto',
    defaultName: route.defaultName,
    eventsMax: route.form === 'batch' ? options.limits.eventsMax : 1,
    idempotencyKey: admission.idempotencyKey,
    notToBeTracked: asksNotToBeTracked(headers),
  };
}

function refusal({ options }: Desk, error: unknown, requestId: string): Answer {
  const { metrics, logger } = options;
  const problem =
    error instanceof HttpProblem
      ? error
      : new HttpProblem('internal', 'The request failed for a reason of our own.', { cause: error });
  metrics.ingest.refusals.add(problem.code, 1);
  const facts = { err: problem.cause, request_id: requestId };
  if (problem.code === 'internal') logger.error(facts, 'ingest failed');
  if (problem.code === 'log_unavailable')
    logger.warn(facts, 'the log refused events; senders are told to retry');
  return problemAnswer(problem, requestId);
}
