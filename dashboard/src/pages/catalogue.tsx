import { useContext, useState } from 'preact/hooks';
import { requestKey } from '../data/api.ts';
import type { CatalogueVideo } from '../data/types-catalogue.ts';
import { usePages } from '../data/use-pages.ts';
import { fullNumber } from '../format/number.ts';
import { PageHead } from '../shell/page-head.tsx';
import { useLiveSubscription } from '../shell/use-live.ts';
import { usePage } from '../state/page.ts';
import { ServicesContext } from '../state/services.ts';
import { Icon } from '../ui/icon.tsx';
import { ListFoot } from '../ui/list-foot.tsx';
import { Empty, Panel, SkeletonRows, States } from '../ui/panel.tsx';
import { type Draft, draftOf, newDraft } from './catalogue/draft.ts';
import { ManyVideos } from './catalogue/many.tsx';
import { VideoDialog } from './catalogue/video-dialog.tsx';
import { VideoTable } from './catalogue/video-table.tsx';

const PAGE_VIDEOS = 50;

/** Titles and what else is known of videos, whoever watched them. */
export function CataloguePage() {
  const page = usePage();
  const { refresh } = useContext(ServicesContext);
  useLiveSubscription(page.app, false);
  const [draft, setDraft] = useState<Draft | null>(null);
  const [isMany, setMany] = useState(false);
  const [said, setSaid] = useState('');
  const search = page.query.get('search') ?? '';
  const list = usePages<CatalogueVideo>(
    // The catalogue is one for all apps.
    (cursor) => requestKey('/v1/videos', { search, limit: PAGE_VIDEOS, cursor }),
    search,
    (video) => video.video_id,
  );
  function saved(words: string): void {
    setDraft(null);
    setMany(false);
    setSaid(words);
    refresh.set(refresh.get() + 1);
  }
  return (
    <>
      <PageHead
        title="Catalogue"
        hasFilters={false}
        caption="What is known of videos, for all apps"
        tools={
          <>
            <button type="button" class="button" onClick={() => setMany(true)}>
              Add many
            </button>
            <button type="button" class="button button-primary" onClick={() => setDraft(newDraft())}>
              New video
            </button>
          </>
        }
      />
      {isMany && (
        <ManyVideos
          onSaved={(count) =>
            saved(count === 1 ? 'One video is saved.' : `${fullNumber(count)} videos are saved.`)
          }
          onClose={() => setMany(false)}
        />
      )}
      <p class="catalogue-said verdict-good" role="status">
        {said !== '' && (
          <>
            <Icon name="check" size={14} /> {said}
          </>
        )}
      </p>
      <Panel title="Videos" class="panel-catalogue" tools={<Search value={search} />}>
        <States
          query={list.first}
          skeleton={<SkeletonRows count={10} />}
          isEmpty={list.items.length === 0}
          empty={<NoVideos search={search} />}
        >
          <VideoTable videos={list.items} onEdit={(video) => setDraft(draftOf(video))} />
          <ListFoot list={list} rest="more" />
        </States>
      </Panel>
      {draft !== null && (
        <VideoDialog
          before={draft}
          onSaved={(id) => saved(`The video ${id} is saved.`)}
          onClose={() => setDraft(null)}
        />
      )}
    </>
  );
}

function NoVideos({ search }: { search: string }) {
  return (
    <Empty>
      <p>
        <b>
          {search === '' ? 'No video is known yet' : `No video has “${search}” in its id, title or series`}
        </b>
        <br />
        <span class="muted">
          {search === ''
            ? 'Videos are counted without it, by their ids; titles and durations come from here.'
            : 'Look for fewer words, or for another one.'}
        </span>
      </p>
    </Empty>
  );
}

function Search({ value }: { value: string }) {
  const { location } = useContext(ServicesContext);
  const [text, setText] = useState(value);
  return (
    <search>
      <form
        class="add-filter"
        onSubmit={(event) => {
          event.preventDefault();
          location.change({ search: text.trim() || null });
        }}
      >
        <input
          class="input input-small"
          type="search"
          aria-label="Search videos"
          placeholder="id, title or series"
          maxLength={200}
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            // Emptying the field asks for all again.
            if (event.currentTarget.value === '') location.change({ search: null }, 'replace');
          }}
        />
        <button type="submit" class="button button-small">
          Search
        </button>
      </form>
    </search>
  );
}
