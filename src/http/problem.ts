/**
 * What a refusal looks like: RFC 9457 problem details with a `code` from one closed list.
 *
 * The list is the only source of statuses and titles; the docs page and OpenAPI are made from it.
 */
import type { ServerResponse } from 'node:http';

interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** What happened and what the caller can do, for the docs page. */
  readonly docs: string;
}

export const problems = {
  invalid_request: {
    status: 400,
    title: 'The request is not valid',
    docs: 'A parameter or field is missing, unknown or out of bounds. `detail` names it.',
  },
  invalid_cursor: {
    status: 400,
    title: 'The cursor is not valid',
    docs: 'The `cursor` was not made by this list with these filters. Start again without it.',
  },
  invalid_json: {
    status: 400,
    title: 'The body is not valid JSON',
    docs: 'The body breaks off or breaks the grammar of JSON; nothing of it was stored. `detail` names the byte.',
  },
  invalid_utf8: {
    status: 400,
    title: 'The body is not valid UTF-8',
    docs: 'JSON travels as UTF-8. Nothing of the body was stored.',
  },
  empty_batch: {
    status: 400,
    title: 'The batch holds no event',
    docs: 'The body is empty, an empty array, or only blank lines.',
  },
  no_valid_events: {
    status: 400,
    title: 'No event of the request can be taken',
    docs: 'Every event was refused; `results` tells each reason. Nothing was stored.',
  },
  invalid_encoding: {
    status: 400,
    title: 'The compressed body cannot be read',
    docs: 'The body does not inflate as its `Content-Encoding` says: it is cut short or damaged.',
  },
  invalid_idempotency_key: {
    status: 400,
    title: 'The Idempotency-Key is not valid',
    docs: 'An `Idempotency-Key` has 1 to 256 bytes.',
  },
  invalid_header: {
    status: 400,
    title: 'The request cannot be read',
    docs: 'The request line or a header breaks the grammar of HTTP.',
  },
  not_a_select: {
    status: 400,
    title: 'Only one SELECT is allowed',
    docs: '`POST /query` runs a single SELECT, or `EXPLAIN SELECT`.',
  },
  sql_error: {
    status: 400,
    title: 'The query failed',
    docs: 'ClickHouse refused the query; its message is in `detail`.',
  },
  missing_credential: {
    status: 401,
    title: 'A credential is needed',
    docs: 'Send `Authorization: Bearer <key or JWT>` or `x-api-key: <key>`; a beacon may send `?api_key=`.',
  },
  invalid_credential: {
    status: 401,
    title: 'The credential is not valid',
    docs: 'The key is unknown or revoked, or the token is expired or not signed for this service.',
  },
  wrong_scope: {
    status: 403,
    title: 'The credential lacks the scope',
    docs: 'Scopes are `ingest`, `read` and `admin`; none includes another.',
  },
  app_forbidden: {
    status: 403,
    title: 'The app is not yours to see',
    docs: 'The credential is limited to other apps than the one that was named.',
  },
  address_forbidden: {
    status: 403,
    title: 'Your address is not allowed',
    docs: 'The address of the client is not in `ANALYTICS_INGEST_ALLOW_IPS` or `ANALYTICS_ADMIN_ALLOW_IPS`.',
  },
  origin_forbidden: {
    status: 403,
    title: 'The origin is not allowed',
    docs: 'The page that sent the events is not in `ANALYTICS_CORS_ORIGINS`.',
  },
  table_forbidden: {
    status: 403,
    title: 'The table may not be read',
    docs: 'Queries see the tables of the documentation, without a database in front; no system tables.',
  },
  function_forbidden: {
    status: 403,
    title: 'The function may not be used',
    docs: 'Functions that reach files, networks or other queries are closed.',
  },
  not_found: { status: 404, title: 'There is nothing here', docs: 'No route or no object of that name.' },
  role_not_here: {
    status: 404,
    title: 'Another process serves this',
    docs: 'This process was started without the role that serves the route.',
  },
  unknown_template: {
    status: 404,
    title: 'No such report',
    docs: '`GET /report` lists the templates.',
  },
  method_not_allowed: {
    status: 405,
    title: 'The method is not allowed',
    docs: 'The `Allow` header lists the methods of this address.',
  },
  request_timeout: {
    status: 408,
    title: 'The request took too long to arrive',
    docs: 'Headers and body must arrive within the time limits. Nothing of the body was stored.',
  },
  query_timeout: {
    status: 408,
    title: 'The query took too long',
    docs: 'Narrow the range or raise `timeout_seconds`.',
  },
  conflict: {
    status: 409,
    title: 'The object has changed or exists already',
    docs: '`detail` names what stands in the way.',
  },
  body_too_large: {
    status: 413,
    title: 'The body is too large',
    docs: 'The body is over the limit of the route, as sent or inflated. Send fewer events a request.',
  },
  too_many_events: {
    status: 413,
    title: 'Too many events in one request',
    docs: 'A batch takes 1,000 events (`ANALYTICS_INGEST_EVENTS_MAX`), the routes for one event take one.',
  },
  result_too_large: {
    status: 413,
    title: 'The result is too large',
    docs: 'Add a LIMIT, aggregate, or export to Parquet.',
  },
  unsupported_encoding: {
    status: 415,
    title: 'The Content-Encoding is not supported',
    docs: 'Supported: gzip, deflate, br, zstd, identity; one at a time.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'The Content-Type is not supported',
    docs: 'This route takes `application/json`.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many events',
    docs: 'The rate limit of the key is used up. `Retry-After` tells the seconds to wait.',
  },
  too_many_queries: {
    status: 429,
    title: 'Too many queries at once',
    docs: 'Wait for the others to end. `Retry-After` tells the seconds to wait.',
  },
  headers_too_large: {
    status: 431,
    title: 'The headers are too large',
    docs: 'All headers together have at most 16 KB.',
  },
  internal: {
    status: 500,
    title: 'Something broke here',
    docs: 'The fault is ours and in the log under the `request_id`. Nothing was promised; retry.',
  },
  log_unavailable: {
    status: 503,
    title: 'The log cannot take events now',
    docs: 'Durability cannot be had (disk full, broker away, deadline over), so nothing was promised. Retry after `Retry-After` seconds.',
  },
  store_unavailable: {
    status: 503,
    title: 'The database does not answer',
    docs: 'Events are still taken; questions must wait. Retry after `Retry-After` seconds.',
  },
  catalog_unavailable: {
    status: 503,
    title: 'The catalogue does not answer',
    docs: 'Titles and apps are in a PostgreSQL that cannot be reached now; events are still taken. Retry after `Retry-After` seconds.',
  },
  token_keys_unavailable: {
    status: 503,
    title: 'Tokens cannot be checked now',
    docs: '`ANALYTICS_JWT_JWKS_URL` does not answer, and no key of it is known yet. Retry after `Retry-After` seconds.',
  },
  overloaded: {
    status: 503,
    title: 'More is coming in than can be held',
    docs: 'A bound on memory, requests or backlog is reached. Retry after `Retry-After` seconds.',
  },
  starting: {
    status: 503,
    title: 'The service is starting',
    docs: 'Not ready yet. Retry after `Retry-After` seconds.',
  },
  closing: {
    status: 503,
    title: 'The service is stopping',
    docs: 'This replica stops. Retry; another one or the next process will answer.',
  },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof problems;

/** Where a problem is explained, relative to this service. */
export function problemType(code: ProblemCode): string {
  return `/docs#problem-${code}`;
}

const DETAIL_CHARACTERS_MAX = 2_000;

/** Details repeat what was sent, which may be long: the beginning says what, the end what to do. */
function boundedDetail(detail: string): string {
  if (detail.length <= DETAIL_CHARACTERS_MAX) return detail;
  const half = DETAIL_CHARACTERS_MAX / 2;
  return `${detail.slice(0, half)} … ${detail.slice(-half)}`.toWellFormed();
}

/** The body of an answer. `extra` adds members of the problem's own, such as `results`. */
export function problemBody(
  code: ProblemCode,
  detail: string,
  requestId: string,
  extra?: Readonly<Record<string, unknown>>,
): string {
  const { status, title } = problems[code];
  return JSON.stringify({
    type: problemType(code),
    title,
    status,
    detail: boundedDetail(detail),
    code,
    request_id: requestId,
    ...extra,
  });
}

interface ProblemOptions extends ErrorOptions {
  /** Sent as `Retry-After`, rounded up to whole seconds. */
  readonly retryAfterMs?: number;
  /** Members of the body beside the standard ones. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** Thrown by a route to answer with a problem. `detail` is shown to the caller. */
export class HttpProblem extends Error {
  readonly code: ProblemCode;
  readonly retryAfterMs: number | null;
  readonly extra: Readonly<Record<string, unknown>>;
  constructor(code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(detail, options);
    this.name = 'HttpProblem';
    this.code = code;
    this.retryAfterMs = options.retryAfterMs ?? null;
    this.extra = options.extra ?? {};
  }
  get statusCode(): number {
    return problems[this.code].status;
  }
}

/** Whole seconds for `Retry-After`, at least one. */
export function retryAfterSeconds(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / 1000));
}

/** Answers on a raw response. Headers given are flat: name, value, name, value. */
export function sendProblem(
  response: ServerResponse,
  problem: HttpProblem,
  requestId: string,
  headers: readonly string[] = [],
): void {
  const body = problemBody(problem.code, problem.message, requestId, problem.extra);
  const lines = [
    ...headers,
    'content-type',
    'application/problem+json',
    'content-length',
    String(Buffer.byteLength(body)),
    'x-request-id',
    requestId,
    'cache-control',
    'no-store',
  ];
  if (problem.retryAfterMs !== null) {
    lines.push('retry-after', String(retryAfterSeconds(problem.retryAfterMs)));
  }
  if (problem.statusCode === 401) lines.push('www-authenticate', 'Bearer');
  response.writeHead(problem.statusCode, lines);
  response.end(response.req.method === 'HEAD' ? undefined : body);
}
