import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import { AlertsPage } from './pages/alerts.tsx';
import { CampaignsPage } from './pages/campaigns.tsx';
import { CataloguePage } from './pages/catalogue.tsx';
import { DeadLettersPage } from './pages/dead-letters.tsx';
import { EventsPage } from './pages/events.tsx';
import { FunnelsPage } from './pages/funnels.tsx';
import { KeysPage } from './pages/keys.tsx';
import { NowPage } from './pages/now.tsx';
import { OverviewPage } from './pages/overview.tsx';
import { PagesPage } from './pages/pages.tsx';
import { PathsPage } from './pages/paths.tsx';
import { PipelinePage } from './pages/pipeline.tsx';
import { PlansPage } from './pages/plans.tsx';
import { ReportsPage } from './pages/reports.tsx';
import { RetentionPage } from './pages/retention.tsx';
import { hasRange, type Match, matchRoute, ROUTES } from './pages/routes.ts';
import { SessionPage } from './pages/session.tsx';
import { SessionsPage } from './pages/sessions.tsx';
import { SqlPage } from './pages/sql.tsx';
import { VideoPage } from './pages/video.tsx';
import { VideosPage } from './pages/videos.tsx';
import { FirstEventGate } from './shell/first-event.tsx';
import { LiveNotice } from './shell/live-badge.tsx';
import { Rail } from './shell/rail.tsx';
import { SearchDialog } from './shell/search.tsx';
import { ShortcutsDialog } from './shell/shortcuts.tsx';
import { SignInDialog, SignInPage } from './shell/sign-in.tsx';
import { TopBar } from './shell/top-bar.tsx';
import { useShortcuts } from './shell/use-shortcuts.ts';
import { sharedQuery } from './state/location.ts';
import { ServicesContext } from './state/services.ts';
import { useStore } from './state/store.ts';
import { Link } from './ui/link.tsx';

function CurrentPage({ match }: { match: Match }) {
  if (match.rest !== null && match.route.id === 'videos')
    return <VideoPage key={match.rest} id={match.rest} />;
  if (match.rest !== null) return <SessionPage key={match.rest} id={match.rest} />;
  if (match.route.id === 'now') return <NowPage />;
  if (match.route.id === 'overview') return <OverviewPage />;
  if (match.route.id === 'videos') return <VideosPage />;
  if (match.route.id === 'catalogue') return <CataloguePage />;
  if (match.route.id === 'events') return <EventsPage />;
  if (match.route.id === 'sessions') return <SessionsPage />;
  if (match.route.id === 'funnels') return <FunnelsPage />;
  if (match.route.id === 'retention') return <RetentionPage />;
  if (match.route.id === 'paths') return <PathsPage />;
  if (match.route.id === 'reports') return <ReportsPage />;
  if (match.route.id === 'sql') return <SqlPage />;
  if (match.route.id === 'alerts') return <AlertsPage />;
  if (match.route.id === 'keys') return <KeysPage />;
  if (match.route.id === 'plans') return <PlansPage />;
  if (match.route.id === 'pages') return <PagesPage />;
  if (match.route.id === 'campaigns') return <CampaignsPage />;
  if (match.route.id === 'dead-letters') return <DeadLettersPage />;
  return <PipelinePage />;
}

function NotFound() {
  return (
    <div class="state state-page">
      <h1>There is no such page</h1>
      <p class="muted">The address may be of a page that this version does not have yet.</p>
      <Link path="/" class="button button-primary">
        Go to Now
      </Link>
    </div>
  );
}

type Dialog = 'none' | 'search' | 'shortcuts';

/** Nothing is shown, or asked, before the service knows who asks. A page that is there already stays, with what was typed. */
export function App() {
  const { api } = useContext(ServicesContext);
  const locked = useStore(api.locked);
  const focused = useRef<HTMLElement | null>(null);
  useEffect(() => {
    // The dialog gives the focus back, but not to a button that was disabled while it asked.
    if (locked === null && document.activeElement === document.body) focused.current?.focus();
  }, [locked]);
  if (locked !== null && !api.hasRead) return <SignInPage reason={locked} />;
  return (
    <>
      <Shell
        onFocus={(element) => {
          focused.current = element;
        }}
      />
      {locked !== null && <SignInDialog reason={locked} />}
    </>
  );
}

function Shell({ onFocus }: { onFocus(element: HTMLElement): void }) {
  const { location, theme, refresh } = useContext(ServicesContext);
  const { path, query } = useStore(location.place);
  const [dialog, setDialog] = useState<Dialog>('none');
  const match = matchRoute(path);
  // A dialog's farewell may come after the next one has opened; it closes itself only.
  const close = (which: Dialog): void => setDialog((open) => (open === which ? 'none' : open));

  useEffect(() => {
    const label = match === null ? 'Not found' : (match.rest ?? match.route.label);
    document.title = `${label} · Sluice`;
  }, [path]);

  useShortcuts({
    search: () => setDialog('search'),
    shortcuts: () => setDialog('shortcuts'),
    theme: theme.toggle,
    refresh: () => refresh.set(refresh.get() + 1),
    compare: () => location.change({ compare: query.get('compare') === '1' ? null : '1' }, 'replace'),
    range: (range) => location.change({ range, from: null, to: null }),
    page: (key) => {
      const route = ROUTES.find((candidate) => candidate.key === key);
      if (route !== undefined) location.go(route.path, sharedQuery(query));
    },
  });

  return (
    <div class="shell" onFocusIn={(event) => onFocus(event.target as HTMLElement)}>
      <a class="skip" href="#content">
        Skip to content
      </a>
      <TopBar hasRange={match !== null && hasRange(match)} onSearch={() => setDialog('search')} />
      <Rail
        current={match?.route.under ?? match?.route.id ?? null}
        onShortcuts={() => setDialog('shortcuts')}
      />
      <main id="content" tabIndex={-1} class="content">
        {match === null ? (
          <NotFound />
        ) : (
          <FirstEventGate needed={match.route.needsEvents}>
            <CurrentPage match={match} />
          </FirstEventGate>
        )}
      </main>
      <LiveNotice />
      {dialog === 'search' && <SearchDialog onClose={() => close('search')} />}
      {dialog === 'shortcuts' && <ShortcutsDialog onClose={() => close('shortcuts')} />}
    </div>
  );
}
