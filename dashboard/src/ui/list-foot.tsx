import type { Pages } from '../data/use-pages.ts';

interface Props {
  list: Pages<unknown>;
  /** What comes behind: `older` ones, `more`. */
  rest: string;
}

/** How much of a list is shown, and the way to what lies behind. */
export function ListFoot({ list, rest }: Props) {
  const { items, hasMore, isLoading, error } = list;
  return (
    <footer class="panel-foot">
      <span class="muted">
        {items.length} shown{hasMore ? `; ${rest} follow` : ', that is all of them'}
      </span>
      {error !== null && <span role="alert">{error.message}</span>}
      {hasMore && (
        <button type="button" class="button" onClick={() => void list.loadMore()} disabled={isLoading}>
          {isLoading ? 'Loading' : `Load ${rest.split(' ')[0]}`}
        </button>
      )}
    </footer>
  );
}
