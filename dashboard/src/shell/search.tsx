import { useContext, useEffect, useState } from 'preact/hooks';
import { requestKey } from '../data/api.ts';
import type { Page, Video } from '../data/types.ts';
import { useQuery } from '../data/use-query.ts';
import { ROUTES, sessionPath, videoPath } from '../pages/routes.ts';
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

/** Whatever was typed may be an id of something. */
function guessIds(id: string, query: URLSearchParams): Hit[] {
  if (id === '' || id.includes(' ')) return [];
  const events = (field: string, label: string, hint: string): Hit => ({
    id: `as-${field}`,
    icon: 'events',
    label,
    hint,
    path: '/event-log',
    query: withFilter(query, `${field}:eq:${id}`),
  });
  return [
    {
      id: 'as-video',
      icon: 'videos',
      label: `Open the video with id ${id}`,
      hint: 'Video',
      path: videoPath(id),
      query: sharedQuery(query),
    },
    events('user_id', `Events of the user ${id}`, 'User'),
    {
      id: 'as-session',
      icon: 'sessions',
      label: `Open the session with id ${id}`,
      hint: 'Session',
      path: sessionPath(id),
      query: sharedQuery(query),
    },
  ];
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
  const guesses = guessIds(text.trim(), query);
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
      <Hits hits={hits} chosen={chosen} onChoose={setAt} onOpen={open} />
      {data?.next_cursor != null && (
        <p class="panel-note">The first {CATALOGUE_MAX} titles are searched; a title’s id always opens it.</p>
      )}
    </Dialog>
  );
}

interface HitsProps {
  hits: readonly Hit[];
  chosen: number;
  onChoose: (index: number) => void;
  onOpen: (hit: Hit) => void;
}

function Hits({ hits, chosen, onChoose, onOpen }: HitsProps) {
  return (
    <div id="hits" role="listbox" aria-label="Found" class="hits">
      {hits.map((hit, index) => (
        <button
          key={hit.id}
          id={`hit-${index}`}
          type="button"
          role="option"
          tabIndex={-1}
          aria-selected={index === chosen}
          onPointerMove={() => onChoose(index)}
          onClick={() => onOpen(hit)}
        >
          <Icon name={hit.icon} />
          <span class="cut">{hit.label}</span>
          <span class="muted">{hit.hint}</span>
        </button>
      ))}
      {hits.length === 0 && <p class="state small">Nothing has all of these words.</p>}
    </div>
  );
}
