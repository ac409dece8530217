import { useTitles } from '../data/titles.ts';
import { countryName } from '../format/country.ts';
import { FIELD_LABELS, type Filter, opWords, spellFilter, toggleFilter } from '../state/filters.ts';
import { useFilters } from '../state/page.ts';
import { Icon } from '../ui/icon.tsx';

function valueWords(filter: Filter, titleOf: (id: string) => string): string {
  if (filter.value === '') return 'none';
  if (filter.field === 'video_id' && filter.op !== 'in') return titleOf(filter.value);
  return filter.field === 'country' ? countryName(filter.value) : filter.value;
}

/** The filters of the page, each of which can be taken off. */
export function Chips() {
  const { filters, setFilters } = useFilters();
  const titleOf = useTitles(filters.flatMap((filter) => (filter.field === 'video_id' ? [filter.value] : [])));
  if (filters.length === 0) return null;
  return (
    <ul class="chips" aria-label="Filters">
      {filters.map((filter) => {
        const value = valueWords(filter, titleOf);
        const label = FIELD_LABELS[filter.field] ?? filter.field;
        return (
          <li key={spellFilter(filter)} class="chip">
            <span>
              <span class="muted">
                {label} {opWords(filter.op)}
              </span>{' '}
              <b>{value}</b>
            </span>
            <button
              type="button"
              aria-label={`Remove filter ${label} ${opWords(filter.op)} ${value}`}
              onClick={() => setFilters(toggleFilter(filters, filter))}
            >
              <Icon name="close" size={14} />
            </button>
          </li>
        );
      })}
      {filters.length > 1 && (
        <li>
          <button type="button" class="link" onClick={() => setFilters([])}>
            Clear all
          </button>
        </li>
      )}
    </ul>
  );
}
