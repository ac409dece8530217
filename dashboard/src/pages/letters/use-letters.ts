import { useContext, useState } from 'preact/hooks';
import { ApiError, requestKey } from '../../data/api.ts';
import type { DeadLetter, LetterState, Page } from '../../data/types.ts';
import { type Query, useQuery } from '../../data/use-query.ts';
import { ServicesContext } from '../../state/services.ts';

const PAGE_ROWS = 50;

export interface LetterFilter {
  reason: string | null;
  state: LetterState | 'all';
  app: string | null;
}

interface More {
  asked: string;
  letters: DeadLetter[];
  cursor: string | null;
  error: ApiError | null;
  isLoading: boolean;
}

const NO_MORE: More = { asked: '', letters: [], cursor: null, error: null, isLoading: false };

export interface Letters {
  first: Query<Page<DeadLetter>>;
  letters: DeadLetter[];
  hasMore: boolean;
  isLoading: boolean;
  error: ApiError | null;
  loadMore(): Promise<void>;
}

/** The first page, kept fresh, and the older ones as far as they were asked for. */
export function useLetters({ reason, state, app }: LetterFilter): Letters {
  const { api } = useContext(ServicesContext);
  const keyOf = (cursor: string | null): string =>
    requestKey('/v1/dead-letters', {
      reason,
      state: state === 'all' ? null : state,
      app_id: app,
      limit: PAGE_ROWS,
      cursor,
    });
  const asked = keyOf(null);
  const first = useQuery<Page<DeadLetter>>(asked, asked);
  const [more, setMore] = useState<More>(NO_MORE);
  const older = more.asked === asked ? more : NO_MORE;
  const cursor = older.letters.length > 0 ? older.cursor : (first.data?.next_cursor ?? null);

  async function loadMore(): Promise<void> {
    // A list that is being replaced has a cursor that belongs to another question.
    if (cursor === null || older.isLoading || first.stale) return;
    const before = { ...older, asked };
    setMore({ ...before, isLoading: true, error: null });
    try {
      const next = await api.read<Page<DeadLetter>>(keyOf(cursor));
      setMore({
        ...before,
        letters: [...before.letters, ...next.data],
        cursor: next.next_cursor,
        isLoading: false,
      });
    } catch (cause) {
      setMore({ ...before, isLoading: false, error: cause instanceof ApiError ? cause : null });
    }
  }

  const all = new Map([...(first.data?.data ?? []), ...older.letters].map((letter) => [letter.id, letter]));
  return {
    first,
    letters: [...all.values()],
    hasMore: cursor !== null,
    isLoading: older.isLoading || first.stale,
    error: older.error,
    loadMore,
  };
}
