import { requestKey } from '../data/api.ts';
import type { App, Page } from '../data/types.ts';
import { useQuery } from '../data/use-query.ts';

interface Props {
  /** Empty: all apps. */
  value: string;
  disabled?: boolean;
  onPick(app: string): void;
}

/** Which app a definition is of; one that is not known any more stays as it is. */
export function AppSelect({ value, disabled, onPick }: Props) {
  const apps = useQuery<Page<App>>(requestKey('/v1/apps')).data?.data ?? [];
  const isKnown = value === '' || apps.some(({ app_id }) => app_id === value);
  return (
    <label>
      <span class="muted">Of app</span>
      <select
        class="input"
        aria-label="Of app"
        value={value}
        disabled={disabled}
        onChange={(event) => onPick(event.currentTarget.value)}
      >
        <option value="">All apps</option>
        {!isKnown && <option value={value}>{value}</option>}
        {apps.map(({ app_id, name }) => (
          <option key={app_id} value={app_id}>
            {name ?? app_id}
          </option>
        ))}
      </select>
    </label>
  );
}
