import type { CatalogueVideo, GivenVideo } from '../../data/types-catalogue.ts';

/** A video as it is typed. */
export interface Draft {
  id: string;
  title: string;
  seconds: string;
  series: string;
  season: string;
  episode: string;
  /** One a line, since a tag may hold commas. */
  tags: string;
  published: string;
  live: boolean;
  isNew: boolean;
}

export function newDraft(): Draft {
  return {
    id: '',
    title: '',
    seconds: '',
    series: '',
    season: '',
    episode: '',
    tags: '',
    published: '',
    live: false,
    isNew: true,
  };
}

export function draftOf(video: CatalogueVideo): Draft {
  const text = (value: string | number | null): string => (value === null ? '' : String(value));
  return {
    id: video.video_id,
    title: text(video.title),
    seconds: text(video.duration_seconds),
    series: text(video.series),
    season: text(video.season),
    episode: text(video.episode),
    tags: video.tags.join('\n'),
    published: text(video.published_at),
    live: video.live,
    isNew: false,
  };
}

/** What is wrong before the service is asked; null when nothing is. */
export function faultOf(draft: Draft): string | null {
  if (draft.id.trim() === '') return 'Give it the id that events name it by.';
  if (draft.seconds.trim() !== '' && !(Number(draft.seconds) > 0))
    return 'The duration is a number of seconds over 0.';
  for (const [name, value] of [
    ['season', draft.season],
    ['episode', draft.episode],
  ] as const) {
    if (value.trim() !== '' && !Number.isInteger(Number(value))) return `The ${name} is a whole number.`;
  }
  if (draft.published.trim() !== '' && Number.isNaN(Date.parse(draft.published)))
    return 'Write when it was published as 2026-01-31, or with a time.';
  return null;
}

/** Of a draft without a fault. */
export function videoOf(draft: Draft): GivenVideo {
  const text = (value: string): string | null => value.trim() || null;
  const number = (value: string): number | null => (value.trim() === '' ? null : Number(value));
  return {
    video_id: draft.isNew ? draft.id.trim() : draft.id,
    title: text(draft.title),
    duration_seconds: number(draft.seconds),
    series: text(draft.series),
    season: number(draft.season),
    episode: number(draft.episode),
    tags: draft.tags
      .split('\n')
      .map((tag) => tag.trim())
      .filter((tag) => tag !== ''),
    published_at: text(draft.published),
    live: draft.live,
  };
}
