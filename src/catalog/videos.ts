import type { Insertable, Kysely, Selectable } from 'kysely';
import type { CatalogTables, VideosTable } from './tables.ts';

/** What is known of a title beside its events. */
export interface Video {
  readonly video_id: string;
  readonly title: string | null;
  readonly duration_seconds: number | null;
  readonly series: string | null;
  readonly season: number | null;
  readonly episode: number | null;
  readonly tags: readonly string[];
  /** ISO 8601. */
  readonly published_at: string | null;
  readonly live: boolean;
}

/** A video and when it came into the catalogue. */
export interface KnownVideo extends Video {
  /** ISO 8601 UTC with ms. */
  readonly created_at: string;
  readonly updated_at: string;
}

/** Where a page ended. */
export interface VideoPlace {
  readonly created_at: string;
  readonly video_id: string;
}

export interface VideoList {
  readonly limit: number;
  /** Only these; others are not found, which is no error. */
  readonly ids?: readonly string[];
  /** Only those in whose id, title or series all these words occur. */
  readonly search?: string;
  readonly after?: VideoPlace | null;
}

export interface VideoCatalog {
  /** Puts each as given: what it does not say is not known any more. All or nothing. Texts may not hold U+0000. */
  upsert(videos: readonly Video[]): Promise<void>;
  get(videoId: string): Promise<KnownVideo | null>;
  /** Those that came last first. */
  list(question: VideoList): Promise<KnownVideo[]>;
}

/** Both databases bound the parameters of a statement; SQLite's bound is the lower one. */
const ROWS_PER_STATEMENT = 500;

export function createVideoCatalog(db: Kysely<CatalogTables>, now: () => number): VideoCatalog {
  return {
    async upsert(videos) {
      for (const video of videos) refuseNul(video);
      const at = new Date(now()).toISOString();
      // The last of several with one id counts; one statement may not touch a row twice.
      const rows = [...new Map(videos.map((video) => [video.video_id, toRow(video, at)])).values()];
      await db.transaction().execute(async (transaction) => {
        for (let from = 0; from < rows.length; from += ROWS_PER_STATEMENT) {
          await upsertRows(transaction, rows.slice(from, from + ROWS_PER_STATEMENT));
        }
      });
    },
    async get(videoId) {
      if (hasNul(videoId)) return null;
      const row = await db
        .selectFrom('videos')
        .selectAll()
        .where('video_id', '=', videoId)
        .executeTakeFirst();
      return row === undefined ? null : fromRow(row);
    },
    async list({ ids, search = '', after, limit }) {
      const wanted = ids?.filter((id) => !hasNul(id));
      if (wanted?.length === 0 || hasNul(search)) return [];
      let query = db.selectFrom('videos').selectAll();
      if (wanted !== undefined) query = query.where('video_id', 'in', wanted);
      for (const word of search
        .toLowerCase()
        .split(/\s+/)
        .filter((text) => text !== '')) {
        query = query.where((is) =>
          is(is.fn('replace', ['search_text', is.val(word), is.val('')]), '!=', is.ref('search_text')),
        );
      }
      if (after) {
        query = query.where((is) =>
          is.or([
            is('created_at', '<', after.created_at),
            is.and([is('created_at', '=', after.created_at), is('video_id', '>', after.video_id)]),
          ]),
        );
      }
      const rows = await query.orderBy('created_at', 'desc').orderBy('video_id').limit(limit).execute();
      return rows.map(fromRow);
    },
  };
}

/** PostgreSQL holds every text but one with U+0000, so no text of the catalogue has it, whatever the database. */
const hasNul = (text: string) => text.includes('\0');

function refuseNul(video: Video): void {
  const texts = [video.video_id, video.title, video.series, ...video.tags];
  if (texts.some((text) => text !== null && hasNul(text)))
    throw new RangeError(`a text of the video ${JSON.stringify(video.video_id)} holds U+0000`);
}

async function upsertRows(
  db: Kysely<CatalogTables>,
  rows: readonly Insertable<VideosTable>[],
): Promise<void> {
  await db
    .insertInto('videos')
    .values(rows)
    .onConflict((conflict) =>
      conflict.column('video_id').doUpdateSet(({ ref }) => ({
        title: ref('excluded.title'),
        duration_seconds: ref('excluded.duration_seconds'),
        series: ref('excluded.series'),
        season: ref('excluded.season'),
        episode: ref('excluded.episode'),
        tags: ref('excluded.tags'),
        published_at: ref('excluded.published_at'),
        live: ref('excluded.live'),
        search_text: ref('excluded.search_text'),
        updated_at: ref('excluded.updated_at'),
      })),
    )
    .execute();
}

function toRow(video: Video, at: string): Insertable<VideosTable> {
  const { video_id, title, series } = video;
  return {
    ...video,
    tags: JSON.stringify(video.tags),
    live: Number(video.live),
    search_text: [video_id, title, series].join(' ').toLowerCase(),
    created_at: at,
    updated_at: at,
  };
}

function fromRow(row: Selectable<VideosTable>): KnownVideo {
  const { search_text: _, tags, live, ...rest } = row;
  return { ...rest, tags: JSON.parse(tags) as string[], live: live !== 0 };
}
