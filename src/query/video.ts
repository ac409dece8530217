import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { askVideo } from '../store/questions/video.ts';
import { readApps } from './caller.ts';
import type { QueryOptions } from './query.ts';
import { readRange, readTimezone } from './range.ts';
import { appIdParam, botsParam, exactParam, nullable, timezoneParam } from './schemas.ts';
import { ask } from './store-problem.ts';

const Params = Type.Object({ videoId: Type.String({ minLength: 1, maxLength: 256 }) });

const Query = Type.Object({
  startDate: Type.Optional(
    Type.String({ description: 'First day, included. Default: with endDate the last 7 days with today.' }),
  ),
  endDate: Type.Optional(Type.String({ description: 'Last day, included.' })),
  timezone: timezoneParam,
  app_id: appIdParam,
  bots: botsParam,
  exact: exactParam,
});

const count = Type.Integer({ minimum: 0 });

const Answer = Type.Object({
  video_id: Type.String(),
  views: count,
  unique_viewers: count,
  watch_time_seconds: Type.Number(),
  avg_watch_percentage: nullable(Type.Number({ description: '0..100; null when no duration is known.' })),
  completion_rate: Type.Number({ description: '0..1' }),
  engagement_score: Type.Number({ description: '0..10' }),
  title: nullable(Type.String()),
  duration_ms: nullable(Type.Number({ description: "The catalogue's, else the one last seen." })),
  quartiles: nullable(
    Type.Object(
      { q25: count, q50: count, q75: count, q100: count },
      { description: 'Views with a known duration that reached so much of it (q100: 99.5 %).' },
    ),
  ),
});

export function addVideoRoute(app: FastifyInstance, options: QueryOptions): void {
  app.get<{ Params: Static<typeof Params>; Querystring: Static<typeof Query> }>(
    '/api/metrics/video/:videoId',
    {
      config: { scopes: ['read'], cached: { name: 'video' } },
      schema: {
        summary: 'Video metrics',
        description:
          'Over the views of one video that begin in the days startDate to endDate, both included.',
        tags: ['Metrics'],
        params: Params,
        querystring: Query,
        response: { 200: Answer },
      },
    },
    async (request): Promise<Static<typeof Answer>> => {
      const { videoId } = request.params;
      const { query } = request;
      const names = { from: 'startDate', to: 'endDate' };
      const asked = { from: query.startDate, to: query.endDate };
      const range = readRange(asked, readTimezone(query.timezone), options.now(), names);
      const video = await options.catalog.videos.get(videoId);
      const durationMs = video?.duration_seconds == null ? null : video.duration_seconds * 1000;
      const answer = await ask(
        askVideo(options.store, options.moments, {
          videoId,
          range,
          apps: readApps(request as FastifyRequest, query.app_id),
          bots: query.bots ?? false,
          exact: query.exact ?? false,
          durationMs,
        }),
      );
      const { duration_ms, quartiles, ...metrics } = answer;
      return {
        video_id: videoId,
        ...metrics,
        engagement_score: engagementScore(metrics.avg_watch_percentage, metrics.completion_rate),
        title: video?.title ?? null,
        duration_ms: durationMs ?? duration_ms,
        quartiles,
      };
    },
  );
}

/** Product §5: watched share weighs 0.7, completion 0.3; without a known duration completion alone. */
function engagementScore(percentage: number | null, completionRate: number): number {
  const score = percentage === null ? 10 * completionRate : 0.07 * percentage + 3 * completionRate;
  // Binary fractions would show as 6.499999999999999.
  return Math.round(score * 1e9) / 1e9;
}
