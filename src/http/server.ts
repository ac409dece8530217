/**
 * The server of one port. In: sockets. Out: answers by the hot routes (raw node:http, tried first), by Fastify
 * (everything else) and by upgrade handlers (WebSocket). Nothing is lost here: what is not served yet is answered
 * 503 with Retry-After, and `close` lets the requests in flight finish.
 */
import {
  createServer as createPlainServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createSecureServer, Server as SecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Tracing } from '../telemetry/tracing.ts';
import type { Cors } from './cors.ts';
import { answerFrameworkError, decorateFastify, type FastifyOutline } from './fastify.ts';
import { HttpProblem, type ProblemCode, problemBody, problems, sendProblem } from './problem.ts';
import { readRequestId } from './request-id.ts';
import type { TlsPair } from './tls-files.ts';
import { traceRoutes } from './traced.ts';

export interface HotContext {
  /** The path without the query. */
  readonly path: string;
  readonly requestId: string;
  /** True once the server is closing: answers should say `Connection: close`. */
  readonly closing: () => boolean;
}

/** Answers a request on the raw objects. It must answer, or destroy the socket, whatever happens. */
export type HotHandler = (request: IncomingMessage, response: ServerResponse, context: HotContext) => void;

export type UpgradeHandler = (
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  requestId: string,
) => void;

export interface HttpLimits {
  readonly headersTimeoutMs: number;
  /** From the first byte of a request to its last. */
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly headerBytesMax: number;
  readonly socketsMax: number;
  /** Bodies of the routes that Fastify serves. */
  readonly apiBodyBytesMax: number;
}

export const defaultHttpLimits: HttpLimits = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 65_000,
  headerBytesMax: 16_384,
  socketsMax: 16_384,
  apiBodyBytesMax: 8_388_608,
};

export interface HttpServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly logger: FastifyBaseLogger;
  readonly cors: Cors;
  readonly limits?: Partial<HttpLimits>;
  /** PEM texts; without them the port speaks plain HTTP. */
  readonly tls?: TlsPair;
  /** True for a path that another role serves: it is answered 404 `role_not_here`. */
  readonly servedElsewhere?: (path: string) => boolean;
  /** Seconds and route pattern of each request that Fastify answered. */
  readonly onAnswered?: FastifyOutline['onAnswered'];
  /** Routes of the API become spans. Default null. */
  readonly tracing?: Tracing | null;
}

export interface HttpServer {
  /** Routes are registered here before `serve`. */
  readonly app: FastifyInstance;
  readonly port: number;
  /** For example `http://127.0.0.1:3002`. */
  readonly url: string;
  /** Installs the handlers of exact paths. They are served at once, whatever else still waits for `serve`. */
  addHot(routes: ReadonlyMap<string, HotHandler>): void;
  addUpgrade(path: string, handler: UpgradeHandler): void;
  /** Connections from now on are shown this certificate; those that are open stay. Only where there was one before. */
  setTls(pair: TlsPair): void;
  /** Starts to answer everything else. Before it that gets 503 `starting`. */
  serve(): Promise<void>;
  /** Stops accepting, lets requests in flight finish, and cuts what is left when the deadline is over. */
  close(deadlineMs: number): Promise<void>;
}

interface Routing {
  hot: Map<string, HotHandler>;
  upgrades: Map<string, UpgradeHandler>;
  serving: boolean;
  closing: boolean;
  /** Set by Fastify when it is created. */
  fallback: (request: IncomingMessage, response: ServerResponse) => void;
}

const startingRetryAfterMs = 2000;

/** Listens at once, so that callers are told to come back instead of being refused a connection. */
export async function openHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const limits = { ...defaultHttpLimits, ...options.limits };
  const routing: Routing = {
    hot: new Map(),
    upgrades: new Map(),
    serving: false,
    closing: false,
    fallback: () => {},
  };
  const server = createServer(options, limits, routing);
  const app = createFastify(options, limits, server, routing);
  await listen(server, options.port, options.host);
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    app,
    port,
    url: `${options.tls === undefined ? 'http' : 'https'}://${host}:${port}`,
    addHot(routes) {
      for (const [path, handler] of routes) routing.hot.set(path, handler);
    },
    addUpgrade(path, handler) {
      routing.upgrades.set(path, handler);
    },
    setTls(pair) {
      if (server instanceof SecureServer) server.setSecureContext(pair);
    },
    async serve() {
      await app.ready();
      routing.serving = true;
    },
    async close(deadlineMs) {
      routing.closing = true;
      await closeServer(server, deadlineMs);
      await app.close();
    },
  };
}

function createServer(options: HttpServerOptions, limits: HttpLimits, routing: Routing): Server {
  const serverOptions: ServerOptions = {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(2000, limits.requestTimeoutMs),
    maxHeaderSize: limits.headerBytesMax,
    noDelay: true,
    // Others than WebSocket (curl offers h2c) go on as plain requests instead of being refused.
    shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket',
  };
  const server: Server =
    options.tls === undefined
      ? createPlainServer(serverOptions)
      : createSecureServer({ ...serverOptions, ...options.tls });
  server.maxConnections = limits.socketsMax;
  const closing = () => routing.closing;

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    if (routing.closing) response.shouldKeepAlive = false;
    const url = request.url ?? '/';
    const question = url.indexOf('?');
    const path = question < 0 ? url : url.slice(0, question);
    const handler = findHot(routing, path);
    if (handler !== undefined) {
      handler(request, response, { path, requestId: readRequestId(request.headers), closing });
    } else if (routing.serving) {
      routing.fallback(request, response);
    } else {
      const detail = 'The service is starting; nothing was taken.';
      const problem = new HttpProblem('starting', detail, { retryAfterMs: startingRetryAfterMs });
      sendProblem(response, problem, readRequestId(request.headers));
    }
  }

  server.on('request', onRequest);
  // Hot handlers say themselves when they want the body, after their checks; the rest is told to go on.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    const path = (request.url ?? '/').split('?', 1)[0]!;
    if (findHot(routing, path) === undefined) response.writeContinue();
    onRequest(request, response);
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    onUpgrade(routing, request, socket, head, options.servedElsewhere);
  });
  return server;
}

/** A slash at the end is forgiven, as Fastify does for the other routes. */
function findHot(routing: Routing, path: string): HotHandler | undefined {
  const handler = routing.hot.get(path);
  return handler === undefined && path.endsWith('/') ? routing.hot.get(path.slice(0, -1)) : handler;
}

function onUpgrade(
  routing: Routing,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  servedElsewhere: (path: string) => boolean = () => false,
): void {
  socket.on('error', () => socket.destroy());
  const requestId = readRequestId(request.headers);
  const path = (request.url ?? '/').split('?', 1)[0]!;
  const handler = routing.upgrades.get(path);
  if (handler !== undefined && routing.serving && !routing.closing) {
    handler(request, socket, head, requestId);
    return;
  }
  if (handler === undefined && servedElsewhere(path)) {
    const detail = `This process does not have the role that serves ${path}.`;
    refuseUpgrade(socket, 'role_not_here', detail, requestId);
  } else if (handler === undefined && routing.serving) {
    refuseUpgrade(socket, 'not_found', 'No socket is served here.', requestId);
  } else {
    refuseUpgrade(socket, routing.closing ? 'closing' : 'starting', 'Try again soon.', requestId);
  }
}

/** Answers a handshake (or what could not be parsed) with a problem and ends the socket. */
export function refuseUpgrade(socket: Duplex, code: ProblemCode, detail: string, requestId: string): void {
  const { status, title } = problems[code];
  const body = problemBody(code, detail, requestId);
  const lines = [
    `HTTP/1.1 ${status} ${title}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    'connection: close',
  ];
  if (status === 503) lines.push('retry-after: 2');
  if (status === 401) lines.push('www-authenticate: Bearer');
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

const clientErrors: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

function onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  // A reset or an answer already under way leaves nobody to tell.
  const inUse = (socket as Socket & { _httpMessage?: { headersSent: boolean } })._httpMessage?.headersSent;
  if (error.code === 'ECONNRESET' || !socket.writable || inUse === true) {
    socket.destroy();
    return;
  }
  const code = clientErrors[error.code ?? ''] ?? 'invalid_header';
  refuseUpgrade(socket, code, problems[code].docs, readRequestId({}));
}

function createFastify(
  options: HttpServerOptions,
  limits: HttpLimits,
  server: Server,
  routing: Routing,
): FastifyInstance {
  const app = Fastify({
    serverFactory(handler) {
      routing.fallback = handler as Routing['fallback'];
      return server;
    },
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    bodyLimit: limits.apiBodyBytesMax,
    genReqId: (request) => readRequestId(request.headers),
    requestIdHeader: false,
    return503OnClosing: false,
    clientErrorHandler: onClientError,
    frameworkErrors: answerFrameworkError,
    // Ids of videos have up to 256 bytes, and each may take three characters in a URL.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1024 },
  });
  decorateFastify(app, {
    cors: options.cors,
    closing: () => routing.closing,
    servedElsewhere: options.servedElsewhere ?? (() => false),
    onAnswered: options.onAnswered ?? (() => {}),
  });
  if (options.tracing) traceRoutes(app, options.tracing);
  return app;
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, backlog: 1024 }, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

function closeServer(server: Server, deadlineMs: number): Promise<void> {
  return new Promise((resolve) => {
    // A connection becomes idle when its last answer is out, so idle ones are swept until none is left.
    const sweep = setInterval(() => server.closeIdleConnections(), 25);
    const cut = setTimeout(() => server.closeAllConnections(), deadlineMs);
    server.close(() => {
      clearInterval(sweep);
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}
