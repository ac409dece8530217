import { requestKey } from './api.ts';
import type { Page, Video } from './types.ts';
import { useQuery } from './use-query.ts';

/** The catalogue's names for videos; ids that it does not know keep their id. */
export function useTitles(ids: readonly string[]): (id: string) => string {
  const asked = [...new Set(ids)].filter((id) => id !== '').sort();
  const key =
    asked.length === 0 ? null : requestKey('/v1/videos', { ids: asked.join(','), limit: asked.length });
  const { data } = useQuery<Page<Video>>(key);
  const names = new Map(data?.data.map((video) => [video.video_id, video.title]));
  return (id) => names.get(id) ?? (id === '' ? 'No title' : id);
}
