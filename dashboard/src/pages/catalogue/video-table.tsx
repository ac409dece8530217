import type { CatalogueVideo } from '../../data/types-catalogue.ts';
import { duration } from '../../format/number.ts';
import { exactTime } from '../../format/time.ts';
import { sharedQuery } from '../../state/location.ts';
import { usePage } from '../../state/page.ts';
import { Link } from '../../ui/link.tsx';
import { videoPath } from '../routes.ts';

interface Props {
  videos: readonly CatalogueVideo[];
  onEdit(video: CatalogueVideo): void;
}

export function VideoTable({ videos, onEdit }: Props) {
  const { query } = usePage();
  return (
    <div class="table-scroll">
      <table class="table table-catalogue">
        <thead>
          <tr>
            <th scope="col">Video</th>
            <th scope="col" class="column-wide">
              Series
            </th>
            <th scope="col" class="num">
              Duration
            </th>
            <th scope="col" class="column-wide">
              Tags
            </th>
            <th scope="col" class="column-wide">
              Published
            </th>
            <th scope="col">
              <span class="sr-only">Edit</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {videos.map((video) => (
            <tr key={video.video_id}>
              <th scope="row">
                <Link path={videoPath(video.video_id)} query={sharedQuery(query)} class="cell-link cut">
                  {video.title ?? video.video_id}
                </Link>
                <span class="small muted cut catalogue-id">
                  {video.video_id} {video.live && <span class="tag">live</span>}
                </span>
              </th>
              <td class="column-wide cut">{seriesWords(video) || <span class="muted">–</span>}</td>
              <td class="num">
                {video.duration_seconds === null ? (
                  <span class="muted">–</span>
                ) : (
                  duration(video.duration_seconds)
                )}
              </td>
              <td class="column-wide cut muted" title={video.tags.join(', ')}>
                {video.tags.join(', ') || '–'}
              </td>
              <td
                class="column-wide muted"
                title={video.published_at === null ? undefined : exactTime(video.published_at)}
              >
                {video.published_at?.slice(0, 10) ?? '–'}
              </td>
              <td>
                <button
                  type="button"
                  class="button button-small"
                  aria-label={`Edit ${video.title ?? video.video_id}`}
                  onClick={() => onEdit(video)}
                >
                  Edit
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** `The Harbour, season 1, episode 3`. */
function seriesWords({ series, season, episode }: CatalogueVideo): string {
  const parts = [
    series,
    season === null ? null : `season ${season}`,
    episode === null ? null : `episode ${episode}`,
  ];
  return parts.filter((part) => part !== null).join(', ');
}
