import { hash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { readSettledStamp, type StoreReader } from '../store/questions/buckets.ts';
import type { TimeRange } from '../store/sql/range.ts';
import type { Answers, Question } from './answers.ts';
import { leavingOf, workFor } from './crowd.ts';

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
      readonly name: string | ((request: FastifyRequest) => string);
      /** In the keys of the cache; default: the days as they were asked for, or `default`. */
      readonly date?: (request: FastifyRequest) => string;
      /** The answer is kept so long, whatever is stored meanwhile. Default: not. */
      readonly keptMs?: number;
      /**
       * The events that alone decide the answer; null where others may, such as those that move the beginning of a view.
       * Throws as the route does.
       */
      readonly scope?: (request: FastifyRequest) => AnswerScope | null;
    };
    /** Of a POST that asks: nothing that was answered before is out of date by it. */
    asks?: boolean;
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
    if (!reads && request.routeOptions.config.asks !== true && reply.statusCode < 400)
      options.answers.changed();
  });
}

function wrapRoute(route: RouteOptions, options: AnswerRoutesOptions): void {
  const { handler } = route;
  const { cached } = route.config ?? {};
  route.handler = async function (request, reply) {
    const make = async () => Buffer.from(JSON.stringify(await handler.call(this, request, reply)));
    const answer =
      cached === undefined
        ? await workFor(leavingOf(reply.raw), make)
        : await options.answers.give(describe(request, cached, options), make, leavingOf(reply.raw));
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
  return {
    name: typeof cached.name === 'string' ? cached.name : cached.name(request),
    ...(cached.keptMs !== undefined && { keptMs: cached.keptMs }),
    date: cached.date?.(request) ?? dateOf([query.from ?? query.startDate, query.to ?? query.endDate]),
    parts: [
      request.routeOptions.url,
      request.params,
      Object.entries(query).sort(([a], [b]) => (a < b ? -1 : 1)),
      request.caller?.apps?.toSorted() ?? null,
    ],
    afresh: wantsAfresh(request),
    settled: settledBy(scope, { store, now }),
  };
}

/** As people asked for it: a day, `from..to`, or `default`. */
export function dateOf(days: readonly unknown[]): string {
  if (days.every((day) => day === undefined)) return 'default';
  return days.map((day) => String(day ?? '')).join('..');
}

/** Whether the caller wants no answer that was made before. */
export function wantsAfresh(request: FastifyRequest): boolean {
  return /\bno-(cache|store)\b/.test(request.headers['cache-control'] ?? '');
}

/** What makes an answer about a time that is over last; null where it does not. */
export function settledBy(
  scope: AnswerScope | null,
  { store, now }: Pick<AnswerRoutesOptions, 'store' | 'now'>,
): Question['settled'] {
  if (scope === null || scope.range.to > now()) return null;
  const { apps, range } = scope;
  return { range: `${range.from} ${range.to}`, stamp: () => readSettledStamp(store, apps, range) };
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
