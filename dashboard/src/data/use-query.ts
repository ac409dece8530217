import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import { useReader } from '../state/reader.ts';
import { ServicesContext } from '../state/services.ts';
import { useStore } from '../state/store.ts';
import { ApiError } from './api.ts';

export interface Query<T> {
  /** The latest answer; while another question is under way, the answer to the one before. */
  data: T | null;
  error: ApiError | null;
  /** True while what is shown does not yet answer what is asked. */
  stale: boolean;
  loading: boolean;
  reload(): void;
}

interface Slot {
  key: string | null;
  data: unknown;
  dataKey: string | null;
  error: ApiError | null;
}

const EMPTY: Slot = { key: null, data: null, dataKey: null, error: null };

function asApiError(cause: unknown): ApiError {
  return cause instanceof ApiError ? cause : new ApiError(String(cause), -1, 'unreadable');
}

/** Keys spell the rolling end of a range; two keys that differ only there ask the same thing a moment later. */
function question(key: string | null): string | null {
  return key === null ? null : key.replace(/([?&])(from|to)=[^&]*/g, '$1');
}

/**
 * Asks several questions at once and keeps each one's old answer until the new one is there.
 * A null key asks nothing; a new `turn` asks again. `sameSpan` changes when the reader picks another range: only then do old figures dim.
 */
export function useQueries<T>(keys: readonly (string | null)[], sameSpan = '', turn = 0): Query<T>[] {
  const { api, refresh } = useContext(ServicesContext);
  const tick = useStore(refresh);
  const reader = useReader();
  const readBy = useRef(reader);
  const [, render] = useState(0);
  const [again, setAgain] = useState(0);
  const slots = useRef<Slot[]>([]);
  const spans = useRef<string[]>([]);
  const joined = keys.join('\n');

  // Before it is painted: what another reader was answered is not this one's.
  if (readBy.current !== reader) {
    readBy.current = reader;
    slots.current = [];
  }

  useEffect(() => {
    const controller = new AbortController();
    slots.current = keys.map((key, index) => {
      const before = slots.current[index] ?? EMPTY;
      if (key === null) return EMPTY;
      const known = api.cached<unknown>(key);
      if (known !== undefined) return { key, data: known, dataKey: key, error: null };
      return { ...before, key, error: before.key === key ? before.error : null };
    });
    render((n) => n + 1);
    keys.forEach((key, index) => {
      if (key === null) return;
      api.read<unknown>(key, controller.signal).then(
        (data) => {
          if (controller.signal.aborted) return;
          slots.current[index] = { key, data, dataKey: key, error: null };
          spans.current[index] = sameSpan;
          render((n) => n + 1);
        },
        (cause: unknown) => {
          if (controller.signal.aborted) return;
          const before = slots.current[index] ?? EMPTY;
          slots.current[index] = { ...before, key, error: asApiError(cause) };
          render((n) => n + 1);
        },
      );
    });
    return () => controller.abort();
  }, [joined, tick, again, turn, api, reader]);

  return keys.map((key, index) => {
    const slot = slots.current[index] ?? EMPTY;
    const current = slot.dataKey !== null && question(slot.dataKey) === question(key);
    const sameSpanNow = (spans.current[index] ?? sameSpan) === sameSpan;
    return {
      data: key === null ? null : (slot.data as T | null),
      error: slot.key === key ? slot.error : null,
      stale: key !== null && slot.data !== null && !(current && sameSpanNow) && slot.error === null,
      loading: key !== null && slot.data === null && slot.error === null,
      reload: () => setAgain((n) => n + 1),
    };
  });
}

export function useQuery<T>(key: string | null, sameSpan = '', turn = 0): Query<T> {
  return useQueries<T>([key], sameSpan, turn)[0]!;
}
