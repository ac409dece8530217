import { requestKey } from '../../data/api.ts';
import type { DeadLetter, LetterState } from '../../data/types.ts';
import { type Pages, usePages } from '../../data/use-pages.ts';

const PAGE_ROWS = 50;

export interface LetterFilter {
  reason: string | null;
  state: LetterState | 'all';
  app: string | null;
}

/** The letters of a reason, a state and an app, by pages. */
export function useLetters({ reason, state, app }: LetterFilter): Pages<DeadLetter> {
  const keyOf = (cursor: string | null): string =>
    requestKey('/v1/dead-letters', {
      reason,
      state: state === 'all' ? null : state,
      app_id: app,
      limit: PAGE_ROWS,
      cursor,
    });
  return usePages<DeadLetter>(keyOf, keyOf(null), (letter) => letter.id);
}
