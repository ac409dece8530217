import { useContext, useState } from 'preact/hooks';
import { useReader } from '../state/reader.ts';
import { ServicesContext } from '../state/services.ts';
import { ApiError } from './api.ts';
import type { Page } from './types.ts';
import { type Query, useQuery } from './use-query.ts';

interface More<T> {
  asked: string;
  items: T[];
  cursor: string | null;
  error: ApiError | null;
  isLoading: boolean;
}

export interface Pages<T> {
  first: Query<Page<T>>;
  /** Of all pages read so far, each once. */
  items: T[];
  hasMore: boolean;
  isLoading: boolean;
  error: ApiError | null;
  loadMore(): Promise<void>;
}

/**
 * A list by pages: the first, kept fresh, and those behind it as far as they were asked for.
 * @param question changes when the reader asks for another list
 */
export function usePages<T>(
  keyOf: (cursor: string | null) => string,
  question: string,
  idOf: (item: T) => string,
): Pages<T> {
  const { api } = useContext(ServicesContext);
  const asked = `${useReader()} ${question}`;
  const none: More<T> = { asked: '', items: [], cursor: null, error: null, isLoading: false };
  const first = useQuery<Page<T>>(keyOf(null), question);
  const [more, setMore] = useState<More<T>>(none);
  const rest = more.asked === asked ? more : none;
  const cursor = rest.items.length > 0 ? rest.cursor : (first.data?.next_cursor ?? null);

  async function loadMore(): Promise<void> {
    // A list that is being replaced has a cursor that belongs to another question.
    if (cursor === null || rest.isLoading || first.stale) return;
    const before = { ...rest, asked };
    // By the time of the answer the reader may have asked for something else.
    const answer = (next: More<T>) => setMore((now) => (now.asked === before.asked ? next : now));
    setMore({ ...before, isLoading: true, error: null });
    try {
      const next = await api.read<Page<T>>(keyOf(cursor));
      answer({
        ...before,
        items: [...before.items, ...next.data],
        cursor: next.next_cursor,
        isLoading: false,
      });
    } catch (cause) {
      answer({ ...before, isLoading: false, error: cause instanceof ApiError ? cause : null });
    }
  }

  const seen = new Set<string>();
  const items = [...(first.data?.data ?? []), ...rest.items].filter((item) => {
    const id = idOf(item);
    if (seen.has(id)) return false;
    seen.add(id);
    return true;
  });
  const isLoading = rest.isLoading || first.stale;
  return { first, items, hasMore: cursor !== null, isLoading, error: rest.error, loadMore };
}
