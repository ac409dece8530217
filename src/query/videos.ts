import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { KnownVideo, Video } from '../catalog/videos.ts';
import { HttpProblem } from '../http/problem.ts';
import { readApps } from './caller.ts';
import { listKey, readCursor, writeCursor } from './cursor.ts';
import type { QueryOptions } from './query.ts';
import { appIdParam, cursorParam, isoTime, LIMIT_DEFAULT, limitParam, nullable, pageOf } from './schemas.ts';

const VIDEOS_MAX = 10_000;
const FAULTS_MAX = 20;

const text = Type.Optional(nullable(Type.String({ maxLength: 2000 })));
const whole = Type.Optional(nullable(Type.Integer({ minimum: -1e6, maximum: 1e6 })));
const Given = Type.Object(
  {
    video_id: Type.Union([Type.String({ minLength: 1, maxLength: 256 }), Type.Number()]),
    title: text,
    duration_seconds: Type.Optional(nullable(Type.Number({ exclusiveMinimum: 0, maximum: 1e9 }))),
    series: text,
    season: whole,
    episode: whole,
    tags: Type.Optional(nullable(Type.Array(Type.String({ maxLength: 200 }), { maxItems: 100 }))),
    published_at: Type.Optional(nullable(Type.String({ description: 'ISO 8601' }))),
    live: Type.Optional(nullable(Type.Boolean())),
  },
  { description: 'What is left out, or null, is not known any more.' },
);

const said = nullable(Type.String());
const Item = Type.Object({
  video_id: Type.String(),
  title: said,
  duration_seconds: nullable(Type.Number()),
  series: said,
  season: nullable(Type.Integer()),
  episode: nullable(Type.Integer()),
  tags: Type.Array(Type.String()),
  published_at: said,
  live: Type.Boolean(),
  created_at: isoTime,
  updated_at: isoTime,
});
const List = pageOf(Item);
const Query = Type.Object({
  ids: Type.Optional(Type.String({ description: 'Only these, with commas.' })),
  search: Type.Optional(
    Type.String({ maxLength: 200, description: 'Words that occur in id, title or series.' }),
  ),
  app_id: appIdParam,
  limit: limitParam,
  cursor: cursorParam,
});
const Upserted = Type.Object({ upserted: Type.Integer() });

export function addVideosRoutes(app: FastifyInstance, options: QueryOptions): void {
  addListRoute(app, options);
  app.register(async (put) => addUpsertRoute(put, options));
}

function addListRoute(app: FastifyInstance, { catalog }: QueryOptions): void {
  app.get<{ Querystring: Static<typeof Query> }>(
    '/v1/videos',
    {
      config: { scopes: ['read', 'admin'] },
      schema: {
        summary: 'Videos of the catalogue',
        description: 'Those that came last first. The catalogue is one for all apps.',
        tags: ['Catalogue'],
        querystring: Query,
        response: { 200: List },
      },
    },
    async (request): Promise<Static<typeof List>> => {
      const { ids, search, app_id, cursor, limit = LIMIT_DEFAULT } = request.query;
      if (readApps(request as FastifyRequest, app_id)?.length === 0) return { data: [], next_cursor: null };
      const key = listKey(['videos', ids, search]);
      const place = readCursor(cursor, key, ['string', 'string']) as [string, string] | null;
      const rows = await catalog.videos.list({
        limit: limit + 1,
        after: place === null ? null : { created_at: place[0], video_id: place[1] },
        ...(ids !== undefined && { ids: ids.split(',').filter((id) => id !== '') }),
        ...(search !== undefined && { search }),
      });
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      const more = rows.length > limit && last !== undefined;
      return {
        data: page.map((video) => shapeVideo(video)),
        next_cursor: more ? writeCursor(key, [last.created_at, last.video_id]) : null,
      };
    },
  );
}

function addUpsertRoute(app: FastifyInstance, { catalog }: QueryOptions): void {
  // Several shapes are taken, NDJSON among them, under whatever name a client gives them.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  app.put<{ Body: string }>(
    '/v1/videos',
    {
      config: {
        scopes: ['admin'],
        everyApp: true,
        body: Type.Union([Type.Array(Given), Type.Object({ videos: Type.Array(Given) })]),
      },
      schema: {
        summary: 'Add or replace videos',
        description: `An array, {"videos": […]}, one video, or NDJSON; at most ${VIDEOS_MAX}. All of them or none.`,
        tags: ['Catalogue'],
        response: { 200: Upserted },
      },
    },
    async (request): Promise<Static<typeof Upserted>> => {
      const videos = readVideos(request.body ?? '');
      await catalog.videos.upsert(videos);
      return { upserted: videos.length };
    },
  );
}

function readVideos(body: string): Video[] {
  const given = readList(body);
  if (given.length === 0) throw new HttpProblem('invalid_request', 'There is no video in the body.');
  if (given.length > VIDEOS_MAX) {
    throw new HttpProblem(
      'invalid_request',
      `There are ${given.length} videos, at most ${VIDEOS_MAX} are taken at once.`,
    );
  }
  const faults = given.flatMap((video, index) => {
    const fault = findFault(video);
    return fault === null ? [] : [{ index, detail: fault }];
  });
  if (faults.length > 0) {
    const { index, detail } = faults[0]!;
    const extra = { results: faults.slice(0, FAULTS_MAX) };
    throw new HttpProblem('invalid_request', `Video ${index}: ${detail}. Nothing was stored.`, { extra });
  }
  return (given as Static<typeof Given>[]).map(completeVideo);
}

function readList(body: string): unknown[] {
  const trimmed = body.trim();
  if (trimmed === '') return [];
  try {
    return unwrap(JSON.parse(trimmed));
  } catch (cause) {
    const lines = trimmed.split('\n').filter((line) => line.trim() !== '');
    if (lines.length < 2) throw new HttpProblem('invalid_json', (cause as Error).message, { cause });
    return lines.map((line, i) => {
      try {
        return JSON.parse(line) as unknown;
      } catch (error) {
        throw new HttpProblem('invalid_json', `Line ${i + 1}: ${(error as Error).message}`, { cause: error });
      }
    });
  }
}

function unwrap(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  const videos =
    typeof value === 'object' && value !== null ? (value as { videos?: unknown }).videos : undefined;
  return Array.isArray(videos) ? videos : [value];
}

function findFault(video: unknown): string | null {
  if (!Value.Check(Given, video)) {
    const [fault] = Value.Errors(Given, video);
    const where =
      fault === undefined || fault.instancePath === '' ? 'the video' : fault.instancePath.slice(1);
    return `${where} ${fault?.message ?? 'is not valid'}`;
  }
  const texts = [String(video.video_id), video.title, video.series, ...(video.tags ?? [])];
  if (texts.some((text) => text?.includes('\0'))) return 'a text holds U+0000';
  if (video.published_at != null && Number.isNaN(Date.parse(video.published_at)))
    return 'published_at is not ISO 8601';
  return null;
}

function completeVideo(given: Static<typeof Given>): Video {
  return {
    video_id: String(given.video_id),
    title: given.title ?? null,
    duration_seconds: given.duration_seconds ?? null,
    series: given.series ?? null,
    season: given.season ?? null,
    episode: given.episode ?? null,
    tags: given.tags ?? [],
    published_at: given.published_at == null ? null : new Date(given.published_at).toISOString(),
    live: given.live ?? false,
  };
}

function shapeVideo(video: KnownVideo): Static<typeof Item> {
  return { ...video, tags: [...video.tags] };
}
