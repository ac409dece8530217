import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { HttpProblem } from '../http/problem.ts';
import { askPaths } from '../store/questions/paths.ts';
import type { QueryOptions } from './query.ts';
import { iso, isoTime, nullable } from './schemas.ts';
import { readScope, scopeParams } from './scope.ts';
import { ask } from './store-problem.ts';

const DEPTH_DEFAULT = 5;
const LIMIT_DEFAULT = 20;

const place = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 2048, description }));
const Query = Type.Object({
  start: place(
    'Page or event: paths go on from its first occurrence in a session. Default: from the first of all.',
  ),
  end: place('Page or event: paths go back from its last occurrence. Not with `start`.'),
  by: Type.Optional(
    Type.Enum(['page', 'event'], {
      description: 'Pages of page views, or names of all events. Default: page.',
    }),
  ),
  depth: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 20,
      description: `Links of a path at most. Default: ${DEPTH_DEFAULT}.`,
    }),
  ),
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 200,
      description: `Links of a step at most, those of most sessions first. Default: ${LIMIT_DEFAULT}.`,
    }),
  ),
  ...scopeParams,
});
const count = Type.Integer({ minimum: 0 });
const step = Type.Integer({ minimum: 1 });
const Answer = Type.Object({
  by: Type.String(),
  start: nullable(Type.String()),
  end: nullable(Type.String()),
  from: isoTime,
  to: isoTime,
  nodes: Type.Array(Type.Object({ step, name: Type.String(), sessions: count })),
  links: Type.Array(Type.Object({ step, from: Type.String(), to: Type.String(), sessions: count })),
});

export function addPathsRoute(app: FastifyInstance, options: QueryOptions): void {
  app.get<{ Querystring: Static<typeof Query> }>(
    '/v1/paths',
    {
      config: {
        scopes: ['read'],
        cached: { name: 'paths', scope: (request) => readScope(request, options.now()) },
      },
      schema: {
        summary: 'Paths through sessions',
        description: 'Where sessions go on to from a page or event, or where they came from, step by step.',
        tags: ['Retention'],
        querystring: Query,
        response: { 200: Answer },
      },
    },
    async (request): Promise<Static<typeof Answer>> => {
      const { query } = request;
      const { start = null, end = null, by = 'page' } = query;
      if (start !== null && end !== null) {
        throw new HttpProblem(
          'invalid_request',
          'start and end: paths go on from a start or back from an end. Give one of the two.',
        );
      }
      const scope = readScope(request as FastifyRequest, options.now());
      const paths = await ask(
        askPaths(options.store, {
          ...scope,
          by,
          at: start ?? end,
          back: end !== null,
          depth: query.depth ?? DEPTH_DEFAULT,
          limit: query.limit ?? LIMIT_DEFAULT,
        }),
      );
      return {
        by,
        start,
        end,
        from: iso(scope.range.from),
        to: iso(scope.range.to),
        nodes: [...paths.nodes],
        links: [...paths.links],
      };
    },
  );
}
