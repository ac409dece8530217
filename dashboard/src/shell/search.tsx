import { useContext, useEffect, useState } from 'preact/hooks';
import { requestKey } from '../data/api.ts';
import type { Page, Video } from '../data/types.ts';
import { useQuery } from '../data/use-query.ts';
import { ROUTES, videoPath } from '../pages/routes.ts';
import { sharedQuery } from '../state/location.ts';
import { usePage } from '../state/page.ts';
import { ServicesContext } from '../state/services.ts';
import { Icon, type IconName } from '../ui/icon.tsx';
import { Dialog } from './dialog.tsx';

interface Hit {
  id: string;
  icon: IconName;
  label: string;
  hint: string;
  path: string;
  query: URLSearchParams;
}

const HITS_MAX = 12;
const CATALOGUE_MAX = 1000;

function withFilter(query: URLSearchParams, filter: string): URLSearchParams {
  const next = sharedQuery(query, false);
  next.append('f', filter);
  return next;
}

/** Finds pages and titles by their words; whatever else was typed may be an id. */
function findHits(text: string, videos: readonly Video[], query: URLSearchParams): Hit[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = (name: string): boolean => words.every((word) => name.toLowerCase().includes(word));
  const shared = sharedQuery(query);
  const pages = ROUTES.filter((route) => matches(route.label)).map(
    (route): Hit => ({
      id: route.id,
      icon: route.icon,
      label: route.label,
      hint: 'Page',
      path: route.path,
      query: shared,
    }),
  );
  const titles = videos
    .filter((video) =>
      matches(`${video.title ?? ''} ${video.video_id} ${video.series ?? ''} ${video.tags?.join(' ') ?? ''}`),
    )
    .map((video): Hit => {
      const hint = video.series ?? video.video_id;
      return {
        id: `v:${video.video_id}`,
        icon: 'videos',
        label: video.title ?? video.video_id,
        hint,
        path: videoPath(video.video_id),
        query: shared,
      };
    });
  const id = text.trim();
  const guesses: Hit[] =
    id === '' || id.includes(' ')
      ? []
      : [
          {
            id: 'as-video',
            icon: 'videos',
            label: `Open the video with id ${id}`,
            hint: 'Video',
            path: videoPath(id),
            query: shared,
          },
          {
            id: 'as-user',
            icon: 'events',
            label: `Events of the user ${id}`,
            hint: 'User',
            path: '/event-log',
            query: withFilter(query, `user_id:eq:${id}`),
          },
          {
            id: 'as-session',
            icon: 'events',
            label: `Events of the session ${id}`,
            hint: 'Session',
            path: '/event-log',
            query: withFilter(query, `session_id:eq:${id}`),
          },
        ];
  return [...pages, ...titles.slice(0, HITS_MAX - guesses.length), ...guesses];
}

export function SearchDialog({ onClose }: { onClose: () => void }) {
  const { location } = useContext(ServicesContext);
  const { query, app } = usePage();
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const { data } = useQuery<Page<Video>>(requestKey('/v1/videos', { limit: CATALOGUE_MAX, app_id: app }));
  const hits = findHits(text, data?.data ?? [], query);
  const chosen = Math.min(at, hits.length - 1);

  useEffect(() => {
    document.getElementById(`hit-${chosen}`)?.scrollIntoView({ block: 'nearest' });
  }, [chosen]);

  function open(hit: Hit | undefined): void {
    if (hit === undefined) return;
    onClose();
    location.go(hit.path, hit.query);
  }

  function onKey(event: KeyboardEvent): void {
    if (event.key === 'Enter') open(hits[chosen]);
    else if (event.key === 'ArrowDown') setAt(hits.length === 0 ? 0 : (chosen + 1) % hits.length);
    else if (event.key === 'ArrowUp') setAt(hits.length === 0 ? 0 : (chosen - 1 + hits.length) % hits.length);
    else return;
    event.preventDefault();
  }

  return (
    <Dialog label="Search" class="search" onClose={onClose}>
      <div class="search-line">
        <Icon name="search" size={18} />
        <input
          type="text"
          role="combobox"
          aria-expanded="true"
          aria-controls="hits"
          aria-activedescendant={hits.length > 0 ? `hit-${chosen}` : undefined}
          aria-label="Search pages and titles"
          placeholder="Pages, titles, a user’s or a session’s id"
          autocomplete="off"
          spellcheck={false}
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            setAt(0);
          }}
          onKeyDown={onKey}
        />
        <kbd>Esc</kbd>
      </div>
      <ul id="hits" role="listbox" aria-label="Found" class="hits">
        {hits.map((hit, index) => (
          <li
            key={hit.id}
            id={`hit-${index}`}
            role="option"
            aria-selected={index === chosen}
            onPointerMove={() => setAt(index)}
            onClick={() => open(hit)}
          >
            <Icon name={hit.icon} />
            <span class="cut">{hit.label}</span>
            <span class="muted">{hit.hint}</span>
          </li>
        ))}
        {hits.length === 0 && <li class="state small">Nothing has all of these words.</li>}
      </ul>
      {data?.next_cursor != null && (
        <p class="panel-note">The first {CATALOGUE_MAX} titles are searched; a title’s id always opens it.</p>
      )}
    </Dialog>
  );
}
