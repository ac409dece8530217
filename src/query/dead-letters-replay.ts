import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { HttpProblem } from '../http/problem.ts';
import { castKinds } from '../letters/cast.ts';
import { FIX_STEPS_MAX, type Fix, FixError, fixOps, isForOne, readFix } from '../letters/fix.ts';
import { readApps } from './caller.ts';
import { listKey, readCursor, writeCursor } from './cursor.ts';
import type { QueryOptions } from './query.ts';
import {
  type Batch,
  discardLetters,
  LETTERS_MAX,
  noDesk,
  type Outcome,
  refuseLetter,
  replayLetters,
  type Selection,
  selectLetters,
} from './replay.ts';
import { nullable } from './schemas.ts';

/** `POST /v1/dead-letters/replay` and `…/discard`. */

const chosen = {
  ids: Type.Optional(
    Type.Array(Type.String({ format: 'uuid' }), {
      maxItems: LETTERS_MAX,
      description: 'These letters, whatever their state. This or `reason`.',
    }),
  ),
  reason: Type.Optional(Type.String({ description: 'The open letters with this reason, the oldest first.' })),
  app_id: Type.Optional(Type.String({ description: 'Only of these apps, with commas.' })),
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: LETTERS_MAX,
      description: `Letters of one call, at most and by default ${LETTERS_MAX}.`,
    }),
  ),
  cursor: Type.Optional(
    Type.String({
      maxLength: 1024,
      description: '`next_cursor` of the call before, which goes on after it.',
    }),
  ),
};

const GivenStep = Type.Object({
  op: Type.String(),
  field: Type.String(),
  value: Type.Optional(Type.Unknown()),
});
const DocumentedStep = Type.Object({
  op: Type.Enum([...fixOps]),
  field: Type.String({ description: 'A path with dots, `properties.watch_ms`. `.` is the whole event.' }),
  value: Type.Optional(
    Type.Unknown({
      description: `set: any JSON; rename: the new path; cast: ${castKinds.join(', ')}.`,
    }),
  ),
});
const dryRun = Type.Optional(
  Type.Boolean({ description: 'Say what would become of the letters, and do nothing. Default: false.' }),
);
const ReplayBody = Type.Object({
  ...chosen,
  fix: Type.Optional(Type.Array(GivenStep)),
  dry_run: dryRun,
});
const DocumentedReplay = Type.Object({
  ...chosen,
  fix: Type.Optional(Type.Array(DocumentedStep, { maxItems: FIX_STEPS_MAX })),
  dry_run: dryRun,
});
const DiscardBody = Type.Object(chosen);

const said = nullable(Type.String());
const count = Type.Integer({ minimum: 0 });
const next = Type.Unsafe<string | null>({
  ...nullable(Type.String()),
  description: 'Give it as `cursor` for the letters that follow; null: these were all.',
});
const ReplayAnswer = Type.Object({
  matched: Type.Integer({ minimum: 0, description: 'Letters that were found.' }),
  accepted: Type.Integer({ minimum: 0, description: 'Durable now; with `dry_run`: would be taken.' }),
  rejected: Type.Integer({ minimum: 0, description: 'As they were, with the reason in `results`.' }),
  results: Type.Array(
    Type.Object({
      id: Type.String({ format: 'uuid' }),
      status: Type.Enum(['accepted', 'rejected']),
      code: said,
      reason: said,
      event_id: said,
      duplicate: Type.Boolean({ description: 'The event is stored already, and not sent again.' }),
      payload: Type.Optional(
        nullable(Type.String({ description: 'With `dry_run`: the event after the fix, as text.' })),
      ),
      event: Type.Optional(
        nullable(
          Type.String({ description: 'With `dry_run`: the event as it would be stored, as JSON text.' }),
        ),
      ),
    }),
  ),
  next_cursor: next,
});
const DiscardAnswer = Type.Object({
  matched: count,
  discarded: count,
  rejected: count,
  results: Type.Array(
    Type.Object({ id: Type.String({ format: 'uuid' }), code: Type.String(), reason: Type.String() }),
    { description: 'Those that were not discarded.' },
  ),
  next_cursor: next,
});

export function addLetterActions(app: FastifyInstance, options: QueryOptions): void {
  addReplayRoute(app, options);
  addDiscardRoute(app, options);
}

function addReplayRoute(app: FastifyInstance, options: QueryOptions): void {
  app.post<{ Body: Static<typeof ReplayBody> }>(
    '/v1/dead-letters/replay',
    {
      config: { scopes: ['admin'], body: DocumentedReplay },
      schema: {
        summary: 'Send dead letters again',
        description:
          'Through the same log and the same dedupe as when they came, with their original ids: doing it twice is once. `fix` changes the events before; `dry_run` shows what they would be.',
        tags: ['Operation'],
        body: ReplayBody,
        response: { 200: ReplayAnswer },
      },
    },
    async (request): Promise<Static<typeof ReplayAnswer>> => {
      if (options.letters === null) throw noDesk();
      const { body } = request;
      const fix = readGivenFix(body.fix ?? []);
      const { key, selection } = readSelection(request as FastifyRequest, body, 'replay');
      if (isForOne(fix) && selection.ids?.length !== 1) {
        const detail = 'A fix that sets event_id, or the whole event, is for one letter: name it in ids.';
        throw new HttpProblem('invalid_request', detail);
      }
      const batch = await selectLetters(options.store, selection);
      const dry = body.dry_run ?? false;
      const outcomes = await replayLetters(options.store, options.letters, batch.rows, {
        fix,
        fixText: fix.length === 0 ? '' : JSON.stringify(body.fix),
        dryRun: dry,
        apps: selection.apps,
        by: request.caller?.id ?? '',
        now: options.now(),
      });
      return { ...shapeOutcomes(batch, outcomes, dry), next_cursor: nextOf(key, batch) };
    },
  );
}

function addDiscardRoute(app: FastifyInstance, options: QueryOptions): void {
  app.post<{ Body: Static<typeof DiscardBody> }>(
    '/v1/dead-letters/discard',
    {
      config: { scopes: ['admin'], body: DiscardBody },
      schema: {
        summary: 'Put dead letters aside',
        description: 'They are kept, and no longer open. One that is named in `ids` may still be replayed.',
        tags: ['Operation'],
        body: DiscardBody,
        response: { 200: DiscardAnswer },
      },
    },
    async (request): Promise<Static<typeof DiscardAnswer>> => {
      if (options.letters === null) throw noDesk();
      const { key, selection } = readSelection(request as FastifyRequest, request.body, 'discard');
      const batch = await selectLetters(options.store, selection);
      const by = request.caller?.id ?? '';
      const outcomes = await discardLetters(options.letters, batch.rows, { by, now: options.now() });
      const { matched, accepted, rejected, results } = shapeOutcomes(batch, outcomes, false);
      return {
        matched,
        discarded: accepted,
        rejected,
        results: results.flatMap(({ id, code, reason }) =>
          code === null ? [] : [{ id, code, reason: reason ?? '' }],
        ),
        next_cursor: nextOf(key, batch),
      };
    },
  );
}

function readGivenFix(given: Static<typeof ReplayBody>['fix'] & {}): Fix {
  try {
    return readFix(given);
  } catch (error) {
    if (error instanceof FixError) throw new HttpProblem('invalid_request', error.message, { cause: error });
    throw error;
  }
}

function readSelection(
  request: FastifyRequest,
  body: Static<typeof DiscardBody>,
  what: string,
): { readonly key: string; readonly selection: Selection } {
  const { reason, app_id, cursor, limit = LETTERS_MAX } = body;
  if ((body.ids === undefined) === (reason === undefined)) {
    throw new HttpProblem('invalid_request', 'Name the letters by ids, or give a reason; one of the two.');
  }
  const ids = body.ids === undefined ? null : [...new Set(body.ids.map((id) => id.toLowerCase()))];
  const apps = readApps(request, app_id === undefined ? undefined : [app_id]);
  const key = listKey(['dead-letters', what, ids, reason, app_id]);
  const place = readCursor(cursor, key, ['number', 'uuid']) as [number, string] | null;
  const after = place === null ? null : { receivedMs: place[0], id: place[1] };
  return { key, selection: { apps, ids, reason: reason ?? null, after, limit } };
}

function nextOf(key: string, { next: place }: Batch): string | null {
  return place === null ? null : writeCursor(key, [place.receivedMs, place.id]);
}

function shapeOutcomes({ rows, missing }: Batch, outcomes: readonly Outcome[], dry: boolean) {
  const unknown = missing.map((id) => refuseLetter(id, 'not_found', 'There is no dead letter with this id.'));
  const all = [...outcomes, ...unknown];
  const accepted = outcomes.filter((outcome) => outcome.accepted).length;
  return {
    matched: rows.length,
    accepted,
    rejected: all.length - accepted,
    results: all.map((outcome) => ({
      id: outcome.id,
      status: outcome.accepted ? ('accepted' as const) : ('rejected' as const),
      code: outcome.code,
      reason: outcome.detail,
      event_id: outcome.eventId,
      duplicate: outcome.duplicate,
      ...(dry && { payload: outcome.payload, event: outcome.event }),
    })),
  };
}
