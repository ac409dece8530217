import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Access } from './access/access.ts';
import type { AuditEntry } from './catalog/audit.ts';
import { HttpProblem } from './http/problem.ts';
import { type ReplayDependencies, type ReplayProgress, runReplay } from './pipeline/replay.ts';
import { type ReplayBound, ReplayError } from './pipeline/replay-ranges.ts';
import { auditRoutes } from './query/audit.ts';
import { guardRoutes } from './query/caller.ts';
import { isoTime, nullable } from './query/schemas.ts';
import type { Logger } from './telemetry/logger.ts';

/** `POST /v1/replay` begins a replay, `GET` tells how far it is, `DELETE` ends it. One at a time, with the scope `admin`. */

const bound = (description: string) =>
  Type.Union([Type.String(), Type.Integer({ minimum: 0 })], { description });
const Body = Type.Object(
  {
    from: bound('A moment of receipt (ISO 8601), or an offset.'),
    to: Type.Optional(bound('The same, exclusive. Default: all that is committed.')),
    topic: Type.Optional(
      Type.String({ description: 'One of those that the pipeline reads. Default: all of them.' }),
    ),
    partition: Type.Optional(Type.Integer({ minimum: 0, description: 'Default: all.' })),
    swap: Type.Optional(
      Type.Boolean({ description: 'Make what is stored what the log says. Default: compare.' }),
    ),
  },
  { additionalProperties: false },
);

const whole = Type.Integer({ minimum: 0 });
const Difference = Type.Object({
  days: Type.Array(
    Type.Object({
      app_id: Type.String(),
      day: Type.String({ description: "By the events' own time." }),
      stored: whole,
      missing: whole,
      different: whole,
      surplus: whole,
    }),
  ),
  examples: Type.Array(
    Type.Object({ kind: Type.String(), app_id: Type.String(), event_id: Type.String({ format: 'uuid' }) }),
  ),
});
const Range = Type.Object({ topic: Type.String(), partition: whole, from: whole, until: whole });
const Progress = Type.Object({
  phase: Type.String(),
  records: whole,
  read: whole,
  ranges: Type.Array(Range),
  difference: nullable(Difference),
  remaining: nullable(Difference),
});
const State = Type.Object({
  state: Type.Enum(['running', 'done', 'failed']),
  swap: Type.Boolean(),
  started_at: isoTime,
  ended_at: nullable(isoTime),
  progress: nullable(Progress),
  error: nullable(Type.String()),
});

export interface ReplayState {
  readonly state: 'running' | 'done' | 'failed';
  readonly swap: boolean;
  readonly started_at: string;
  readonly ended_at: string | null;
  readonly progress: ReplayProgress | null;
  readonly error: string | null;
}

export interface ReplayRoutesOptions {
  readonly access: Pick<Access, 'authorize'>;
  readonly audit: (entry: AuditEntry) => Promise<void>;
  readonly deps: ReplayDependencies;
  readonly logger: Logger;
  readonly now: () => number;
}

export interface ReplayRoutes {
  plugin(app: FastifyInstance): Promise<void>;
  /** Ends the replay that is under way, if there is one. */
  stop(): Promise<void>;
}

export function createReplayRoutes({ access, audit, deps, logger, now }: ReplayRoutesOptions): ReplayRoutes {
  let current: ReplayState | null = null;
  let ending = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const at = () => new Date(now()).toISOString();

  async function run(body: Static<typeof Body>, signal: AbortSignal): Promise<void> {
    const { topic = null, partition = null, swap = false } = body;
    const request = {
      from: readBound('from', body.from),
      to: body.to === undefined ? null : readBound('to', body.to),
      topic,
      partition,
      swap,
    };
    current = { state: 'running', swap, started_at: at(), ended_at: null, progress: null, error: null };
    const change = (more: Partial<ReplayState>) => {
      current = { ...current!, ...more };
    };
    running = runReplay(request, deps, (progress) => change({ progress }), signal).then(
      (progress) => {
        change({ state: 'done', ended_at: at(), progress });
        logger.info({ ranges: progress.ranges, swap }, 'a replay is done');
      },
      (error: Error) => {
        change({ state: 'failed', ended_at: at(), error: signal.aborted ? 'It was ended.' : error.message });
        if (!signal.aborted && !(error instanceof ReplayError))
          logger.warn({ err: error }, 'a replay failed');
      },
    );
  }

  return {
    async plugin(app) {
      guardRoutes(app, access);
      auditRoutes(app, audit);
      app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
      const config = { scopes: ['admin'] as const, everyApp: true };
      app.post<{ Body: Static<typeof Body> }>(
        '/v1/replay',
        {
          config,
          schema: { summary: 'Begin a replay', tags: ['Operation'], body: Body, response: { 202: State } },
        },
        async (request, reply) => {
          if (current?.state === 'running')
            throw new HttpProblem(
              'conflict',
              `A replay runs since ${current.started_at}. Wait, or DELETE it.`,
            );
          ending = new AbortController();
          await run(request.body, ending.signal);
          return await reply.code(202).send(current);
        },
      );
      app.get(
        '/v1/replay',
        { config, schema: { summary: 'The last replay', tags: ['Operation'], response: { 200: State } } },
        async () => {
          if (current === null) throw new HttpProblem('not_found', 'No replay was begun since the start.');
          return current;
        },
      );
      app.delete(
        '/v1/replay',
        { config, schema: { summary: 'End the replay', tags: ['Operation'], response: { 200: State } } },
        async () => {
          if (current === null) throw new HttpProblem('not_found', 'No replay was begun since the start.');
          ending.abort();
          await running;
          return current;
        },
      );
    },
    async stop() {
      ending.abort();
      await running;
    },
  };
}

function readBound(name: string, value: string | number): ReplayBound {
  if (typeof value === 'number') return { offset: value };
  if (/^\d{1,15}$/.test(value)) return { offset: Number(value) };
  const time = Date.parse(value);
  if (Number.isNaN(time))
    throw new HttpProblem(
      'invalid_request',
      `${name} is '${value}'; it takes an offset, or a time such as 2026-05-01T00:00:00Z.`,
    );
  return { time };
}
