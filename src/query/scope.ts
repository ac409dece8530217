import type { FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { AnswerScope } from './answer-routes.ts';
import { readApps } from './caller.ts';
import { readRange, readTimezone } from './range.ts';
import { appIdParam, botsParam, fromParam, timezoneParam, toParam } from './schemas.ts';
import type { Zone } from './zone.ts';

/** What every question over a range says alike: when, of which apps, and whether bots count. */

export const scopeParams = {
  from: fromParam,
  to: toParam,
  timezone: timezoneParam,
  app_id: appIdParam,
  bots: botsParam,
};

const Params = Type.Object(scopeParams);

export interface QuestionScope extends AnswerScope {
  readonly zone: Zone;
  readonly bots: boolean;
}

/**
 * Answers 400 `invalid_request` for a range or a zone that is none, 403 `app_forbidden` for an app that the caller may
 * not see.
 * @param now epoch ms
 */
export function readScope(request: FastifyRequest, now: number): QuestionScope {
  const query = request.query as Static<typeof Params>;
  const zone = readTimezone(query.timezone);
  return {
    range: readRange(query, zone, now),
    zone,
    apps: readApps(request, query.app_id),
    bots: query.bots ?? false,
  };
}
