import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { askLedger, type LedgerCounts } from '../store/questions/ledger.ts';
import { readApps } from './caller.ts';
import type { QueryOptions } from './query.ts';
import { readRange, readTimezone } from './range.ts';
import {
  appIdParam,
  fromParam,
  iso,
  isoTime,
  LIMIT_DEFAULT,
  limitParam,
  timezoneParam,
  toParam,
} from './schemas.ts';
import { ask } from './store-problem.ts';

const Query = Type.Object({
  from: fromParam,
  to: toParam,
  timezone: timezoneParam,
  app_id: appIdParam,
  limit: limitParam,
});

const count = Type.Integer({ minimum: 0 });
const counts = {
  received: count,
  stored: count,
  duplicate: count,
  filtered: count,
  quarantined: count,
  erased: Type.Integer({
    minimum: 0,
    description: 'Stored, and removed since because somebody asked to be erased.',
  }),
  in_flight: Type.Integer({ minimum: 0, description: 'Taken, and not yet decided on.' }),
  unaccounted: Type.Integer({ description: 'received less what became of it: 0, or something is wrong.' }),
};
const Answer = Type.Object({
  totals: Type.Object(counts),
  data: Type.Array(Type.Object({ minute: isoTime, app_id: Type.String(), ...counts })),
});

export function addLedgerRoute(app: FastifyInstance, options: QueryOptions): void {
  app.get<{ Querystring: Static<typeof Query> }>(
    '/v1/ledger',
    {
      config: { scopes: ['admin'] },
      schema: {
        summary: 'Conservation ledger',
        description: 'What became of every event received, by minute of receipt and app, the newest first.',
        tags: ['Operation'],
        querystring: Query,
        response: { 200: Answer },
      },
    },
    async (request): Promise<Static<typeof Answer>> => {
      const { query } = request;
      const range = readRange(query, readTimezone(query.timezone), options.now());
      const apps = readApps(request as FastifyRequest, query.app_id);
      // Before the rows are read: an event may be counted as both in flight and stored, but never as neither.
      // Of which app an event in flight is, nobody knows yet.
      const inFlight = apps === null ? await options.inFlight() : 0;
      const { totals, minutes } = await ask(
        askLedger(options.store, { range, apps, limit: query.limit ?? LIMIT_DEFAULT }),
      );
      return {
        totals: shapeCounts(totals, inFlight),
        data: minutes.map((row) => ({
          minute: iso(row.second * 1000),
          app_id: row.app_id,
          ...shapeCounts(row, 0),
        })),
      };
    },
  );
}

function shapeCounts(counts: LedgerCounts, inFlight: number) {
  const { received, stored, duplicate, filtered, quarantined, erased } = counts;
  const unaccounted = received - (stored + duplicate + filtered + quarantined + erased);
  return { received, stored, duplicate, filtered, quarantined, erased, in_flight: inFlight, unaccounted };
}
