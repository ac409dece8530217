import { RAIL_ROUTES } from '../pages/routes.ts';
import { sharedQuery } from '../state/location.ts';
import { usePage } from '../state/page.ts';
import { Icon } from '../ui/icon.tsx';
import { Link } from '../ui/link.tsx';

export function Rail({ current, onShortcuts }: { current: string | null; onShortcuts: () => void }) {
  const { query } = usePage();
  return (
    <nav class="rail" aria-label="Pages">
      <ul>
        {RAIL_ROUTES.map((route) => (
          <li key={route.id} class={route.isWideOnly ? 'rail-wide-only' : ''}>
            <Link
              path={route.path}
              query={sharedQuery(query)}
              class="rail-link"
              isCurrent={route.id === current}
            >
              <Icon name={route.icon} size={18} />
              <span>{route.label}</span>
            </Link>
          </li>
        ))}
      </ul>
      <div class="rail-foot">
        <button type="button" class="link" onClick={onShortcuts}>
          <kbd>?</kbd> <span>Keys</span>
        </button>
        <a class="link" href="/docs">
          API docs
        </a>
      </div>
    </nav>
  );
}
