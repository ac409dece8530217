import type { Alert } from '../data/alert-types.ts';
import { useQuery } from '../data/use-query.ts';
import { sharedQuery } from '../state/location.ts';
import { usePage } from '../state/page.ts';
import { Icon } from '../ui/icon.tsx';
import { Link } from '../ui/link.tsx';

/** How many alerts fire, on every page; nothing while none does. */
export function AlertBadge() {
  const { query } = usePage();
  const { data } = useQuery<{ data: Alert[] }>('/v1/alerts');
  const firing = (data?.data ?? []).filter(({ state }) => state === 'firing');
  const names = firing.map(({ title, name }) => title ?? name).join(', ');
  const words = firing.length === 1 ? '1 alert' : `${firing.length} alerts`;
  return (
    <span role="status" class="alert-badge-place">
      {firing.length > 0 && (
        <Link
          path="/alerts"
          query={sharedQuery(query)}
          class="alert-badge"
          label={`${words} firing: ${names}`}
        >
          <Icon name="bell" />
          <span class="alert-badge-word">{words}</span>
          <b class="alert-badge-count">{firing.length}</b>
        </Link>
      )}
    </span>
  );
}
