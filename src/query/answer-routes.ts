import { hash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { readSettledStamp, type StoreReader } from '../store/questions/buckets.ts';
import type { TimeRange } from '../store/sql/range.ts';
import type { Answers, Question } from './answers.ts';

/** Every GET of the plugin answers with an ETag; those that declare it in their config, through the answer cache. */

/** What a question is about, as far as its answer depends on nothing else. */
export interface AnswerScope {
  readonly range: TimeRange;
  /** Null: every app. */
  readonly apps: readonly string[] | null;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The answer may be given again for a moment. */
    cached?: {
      /** In the keys of the cache. */
      readonly name: string;
      /**
       * The events that alone decide the answer; null where others may, such as those that move the beginning of a view.
       * Throws as the route does.
       */
      readonly scope?: (request: FastifyRequest) => AnswerScope | null;
    };
  }
}

export interface AnswerRoutesOptions {
  readonly answers: Answers;
  readonly store: StoreReader;
  /** Epoch ms. */
  readonly now: () => number;
}

/** Wraps the routes that are added from now on. */
export function answerRoutes(app: FastifyInstance, options: AnswerRoutesOptions): void {
  app.addHook('onRoute', (route) => {
    if ([route.method].flat().includes('GET')) wrapRoute(route, options);
  });
  app.addHook('onResponse', async (request, reply) => {
    const reads = request.method === 'GET' || request.method === 'HEAD' || request.method === 'OPTIONS';
    if (!reads && reply.statusCode < 400) options.answers.changed();
  });
}

function wrapRoute(route: RouteOptions, options: AnswerRoutesOptions): void {
  const { handler } = route;
  const { cached } = route.config ?? {};
  route.handler = async function (request, reply) {
    const make = async () => Buffer.from(JSON.stringify(await handler.call(this, request, reply)));
    const answer =
      cached === undefined
        ? await make()
        : await options.answers.give(describe(request, cached, options), make);
    return send(request, reply, answer);
  };
}

function describe(
  request: FastifyRequest,
  cached: NonNullable<FastifyRequest['routeOptions']['config']['cached']>,
  { store, now }: AnswerRoutesOptions,
): Question {
  const query = request.query as Record<string, unknown>;
  const scope = cached.scope?.(request) ?? null;
  const over = scope !== null && scope.range.to <= now();
  const days = [query.from ?? query.startDate, query.to ?? query.endDate];
  return {
    name: cached.name,
    date: days.every((day) => day === undefined)
      ? 'default'
      : days.map((day) => String(day ?? '')).join('..'),
    parts: [
      request.routeOptions.url,
      request.params,
      Object.entries(query).sort(([a], [b]) => (a < b ? -1 : 1)),
      request.caller?.apps?.toSorted() ?? null,
    ],
    afresh: wantsAfresh(request),
    settled: over
      ? {
          range: `${scope.range.from} ${scope.range.to}`,
          stamp: () => readSettledStamp(store, scope.apps, scope.range),
        }
      : null,
  };
}

/** Whether the caller wants no answer that was made before. */
export function wantsAfresh(request: FastifyRequest): boolean {
  return /\bno-(cache|store)\b/.test(request.headers['cache-control'] ?? '');
}

function send(request: FastifyRequest, reply: FastifyReply, answer: Uint8Array): FastifyReply {
  const tag = `"${hash('sha1', answer, 'base64url')}"`;
  // A browser may keep it for itself, and asks each time whether it still holds.
  reply
    .header('etag', tag)
    .header('cache-control', 'private, no-cache')
    .header('vary', 'authorization, x-api-key');
  if (matches(request.headers['if-none-match'], tag)) return reply.code(304).send();
  return reply.header('content-type', 'application/json; charset=utf-8').send(answer);
}

/** RFC 9110: weak comparison, several tags with commas, or any. */
function matches(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((part) => {
    const given = part.trim();
    return given === '*' || given.replace(/^W\//, '') === tag;
  });
}
