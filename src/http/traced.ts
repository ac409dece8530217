import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Span, TraceHeaders, Tracing } from '../telemetry/tracing.ts';

/** What a request says of the trace that it is part of. */
export function readTraceHeaders({ headers }: IncomingMessage): TraceHeaders {
  const { traceparent, tracestate } = headers;
  return {
    traceparent: typeof traceparent === 'string' ? traceparent : undefined,
    tracestate: typeof tracestate === 'string' ? tracestate : undefined,
  };
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The path holds somebody's name, which is not to stand in a trace. */
    namesPerson?: boolean;
  }
}

/** Each request of a route that asks for rights (the API, not pages or health) is a span; its statements are children. */
export function traceRoutes(app: FastifyInstance, tracing: Tracing): void {
  const spans = new WeakMap<IncomingMessage, Span>();
  app.addHook('onRequest', async (request) => {
    const { config, url = 'none' } = request.routeOptions;
    if (!('scopes' in config)) return;
    const span = tracing.start({
      name: `${request.method} ${url}`,
      kind: 'server',
      parent: readTraceHeaders(request.raw),
      attributes: {
        'http.request.method': request.method,
        'http.route': url,
        'url.path': config.namesPerson ? url : request.url.split('?', 1)[0]!,
        'sluice.request_id': request.id,
      },
    });
    spans.set(request.raw, span);
  });
  // Here, since the body has been read by now: what is active while it is awaited would be lost.
  app.addHook('preHandler', (request, _reply, done) => {
    const span = spans.get(request.raw);
    if (span === undefined) done();
    else tracing.run(span, done);
  });
  app.addHook('onError', async (request, reply, error) => {
    if (reply.statusCode >= 500) spans.get(request.raw)?.failed(error);
  });
  app.addHook('onResponse', async (request, reply) => {
    const span = spans.get(request.raw);
    span?.set({ 'http.response.status_code': reply.statusCode });
    span?.end();
  });
}
