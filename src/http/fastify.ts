/** What every Fastify route shares: request ids, CORS, problems, security headers, `Connection: close` at the end. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Cors } from './cors.ts';
import { HttpProblem, type ProblemCode, problemBody, problems, retryAfterSeconds } from './problem.ts';

export interface FastifyOutline {
  readonly cors: Cors;
  readonly closing: () => boolean;
  readonly servedElsewhere: (path: string) => boolean;
  readonly onAnswered: (answered: {
    method: string;
    /** The pattern of the route, so that ids do not become labels; 'none' without one. */
    route: string;
    status: number;
    seconds: number;
  }) => void;
}

/** For pages: everything from this origin only. A route that needs more sets its own header first. */
export const pagePolicy = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self' ws: wss:",
  "object-src 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "form-action 'self'",
].join('; ');

export function decorateFastify(app: FastifyInstance, outline: FastifyOutline): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    setFlatHeaders(reply, outline.cors.headers(request.headers, 'api'));
  });
  app.addHook('onSend', async (_request, reply) => {
    setSecurityHeaders(reply);
    if (outline.closing()) reply.header('connection', 'close');
  });
  app.addHook('onResponse', async (request, reply) => {
    outline.onAnswered({
      method: request.method,
      route: request.routeOptions.url ?? 'none',
      status: reply.statusCode,
      seconds: reply.elapsedTime / 1000,
    });
  });
  app.setErrorHandler((error: FastifyError, request, reply) => answerError(error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0]!;
    if (request.method === 'OPTIONS' && request.headers.origin !== undefined) {
      const methods = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';
      setFlatHeaders(reply, outline.cors.preflight(request.headers, 'api', methods));
      return reply.code(204).send();
    }
    const problem = outline.servedElsewhere(path)
      ? new HttpProblem('role_not_here', `This process does not have the role that serves ${path}.`)
      : new HttpProblem('not_found', `${request.method} ${path} is not served.`);
    return sendReply(reply, request.id, problem);
  });
}

function setFlatHeaders(reply: FastifyReply, lines: readonly string[]): void {
  for (let i = 0; i + 1 < lines.length; i += 2) reply.header(lines[i]!, lines[i + 1]!);
}

function setSecurityHeaders(reply: FastifyReply): void {
  reply.header('x-content-type-options', 'nosniff');
  const type = reply.getHeader('content-type');
  if (typeof type !== 'string' || !type.startsWith('text/html')) return;
  if (!reply.hasHeader('content-security-policy')) reply.header('content-security-policy', pagePolicy);
  reply.header('x-frame-options', 'DENY');
  reply.header('referrer-policy', 'same-origin');
  reply.header('cross-origin-opener-policy', 'same-origin');
}

/** What Fastify refuses before it has a route: no hook has run by then. */
export function answerFrameworkError(
  error: FastifyError,
  { id }: { readonly id: string },
  reply: FastifyReply,
): void {
  const advice = 'Escape it as UTF-8 with percent signs, and keep each of its parts under 1,024 characters.';
  reply.header('x-request-id', id);
  setSecurityHeaders(reply);
  sendReply(
    reply,
    id,
    new HttpProblem('invalid_request', `The path cannot be read. ${advice}`, { cause: error }),
  );
}

// Fastify's own refusals, in our words.
const fastifyCodes: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_JSON_BODY: 'invalid_json',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid_json',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_request',
  FST_ERR_VALIDATION: 'invalid_request',
};

function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = readProblem(error);
  if (problem.code === 'internal') request.log.error({ err: error }, 'a route failed');
  return sendReply(reply, request.id, problem);
}

/** The problem that an error thrown by a route stands for. What is not meant for callers becomes `internal`. */
export function readProblem(error: Error & { code?: string; statusCode?: number }): HttpProblem {
  if (error instanceof HttpProblem) return error;
  const code = fastifyCodes[error.code ?? ''];
  if (code !== undefined) return new HttpProblem(code, error.message, { cause: error });
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    const fitting = error.statusCode === 404 ? 'not_found' : 'invalid_request';
    return new HttpProblem(fitting, error.message, { cause: error });
  }
  return new HttpProblem('internal', 'The request failed for a reason of our own; it is in the log.', {
    cause: error,
  });
}

function sendReply(reply: FastifyReply, requestId: string, problem: HttpProblem): FastifyReply {
  if (problem.retryAfterMs !== null) reply.header('retry-after', retryAfterSeconds(problem.retryAfterMs));
  if (problem.statusCode === 401) reply.header('www-authenticate', 'Bearer');
  return reply
    .code(problems[problem.code].status)
    .header('content-type', 'application/problem+json')
    .header('cache-control', 'no-store')
    .serializer((body: string) => body)
    .send(problemBody(problem.code, problem.message, requestId, problem.extra));
}
