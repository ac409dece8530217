import { useContext } from 'preact/hooks';
import { requestKey } from '../data/api.ts';
import type { App, Page } from '../data/types.ts';
import { useQuery } from '../data/use-query.ts';
import { sharedQuery } from '../state/location.ts';
import { usePage } from '../state/page.ts';
import { ServicesContext } from '../state/services.ts';
import { useStore } from '../state/store.ts';
import { Icon, Mark } from '../ui/icon.tsx';
import { Link } from '../ui/link.tsx';
import { Choices, Popover } from '../ui/popover.tsx';
import { Account } from './account.tsx';
import { AlertBadge } from './alert-badge.tsx';
import { LiveBadge } from './live-badge.tsx';
import { RangePicker } from './range-picker.tsx';

export function TopBar({ hasRange, onSearch }: { hasRange: boolean; onSearch: () => void }) {
  const { theme } = useContext(ServicesContext);
  const scheme = useStore(theme.scheme);
  const { query } = usePage();
  const other = scheme === 'dark' ? 'light' : 'dark';
  return (
    <header class="top-bar">
      <Link path="/" query={sharedQuery(query)} class="brand" label="Sluice, to Now">
        <Mark />
        <span>Sluice</span>
      </Link>
      <AppSwitch />
      <div class="top-space" />
      <AlertBadge />
      <LiveBadge />
      {hasRange && <RangePicker />}
      <button type="button" class="search-button" aria-label="Search" title="Search ( / )" onClick={onSearch}>
        <Icon name="search" />
        <span>Search</span>
        <kbd>/</kbd>
      </button>
      <button
        type="button"
        class="icon-button"
        aria-label={`Use ${other} colours`}
        title={`Use ${other} colours (t)`}
        onClick={theme.toggle}
      >
        <Icon name={scheme === 'dark' ? 'sun' : 'moon'} />
      </button>
      <Account />
    </header>
  );
}

function AppSwitch() {
  const { location } = useContext(ServicesContext);
  const { app } = usePage();
  const { data } = useQuery<Page<App>>(requestKey('/v1/apps'));
  const apps = data?.data ?? [];
  const name = app === null ? 'All apps' : (apps.find((item) => item.app_id === app)?.name ?? app);
  const options = [
    { value: '', label: 'All apps' },
    ...apps.map((item) => ({ value: item.app_id, label: item.name ?? item.app_id })),
  ];
  return (
    <Popover
      label={`App: ${name}`}
      buttonClass="button button-quiet app-switch"
      button={
        <>
          <span class="cut">{name}</span>
          <Icon name="chevron" size={14} />
        </>
      }
    >
      {(close) => (
        <Choices
          label="App"
          value={app ?? ''}
          options={options}
          onChoose={(value) => {
            location.change({ app: value === '' ? null : value });
            close();
          }}
        />
      )}
    </Popover>
  );
}
