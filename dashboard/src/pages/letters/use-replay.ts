import { useContext, useEffect, useState } from 'preact/hooks';
import { ApiError } from '../../data/api.ts';
import type { FixStep, LetterResult, LettersDone } from '../../data/types.ts';
import { useNewReader, useReader } from '../../state/reader.ts';
import { ServicesContext } from '../../state/services.ts';
import { readySteps } from './suggestions.ts';

/** Which letters: these, or all open ones with a reason. */
export type Target = { ids: string[] } | { reason: string; app: string | null };

const REPLAY = '/v1/dead-letters/replay';
const DISCARD = '/v1/dead-letters/discard';
const TYPING_MS = 250;
/** Of many, so many are tried to see how a fix does. */
export const TRIED_MAX = 50;

function selection(target: Target): Record<string, unknown> {
  if ('ids' in target) return { ids: target.ids };
  return { reason: target.reason, ...(target.app === null ? {} : { app_id: target.app }) };
}

export interface Trial {
  done: LettersDone | null;
  error: ApiError | null;
  /** True while what is shown does not yet answer what was typed. */
  stale: boolean;
}

/** What would become of the letters, asked afresh whenever the steps rest for a moment, and at each new `turn`. */
export function useTrial(
  target: Target,
  steps: readonly FixStep[],
  { isWanted, turn }: { isWanted: boolean; turn: number },
): Trial {
  const { api } = useContext(ServicesContext);
  const body = JSON.stringify({
    ...selection(target),
    fix: readySteps(steps),
    dry_run: true,
    limit: TRIED_MAX,
  });
  const asked = `${useReader()} ${turn} ${body}`;
  const [trial, setTrial] = useState<{ asked: string; done: LettersDone | null; error: ApiError | null }>({
    asked: '',
    done: null,
    error: null,
  });
  useNewReader(() => setTrial({ asked: '', done: null, error: null }));
  useEffect(() => {
    if (!isWanted) return;
    const controller = new AbortController();
    const { signal } = controller;
    const keep = (next: { done: LettersDone | null; error: ApiError | null }): void => {
      if (!signal.aborted) setTrial({ asked, ...next });
    };
    const timer = setTimeout(
      () => {
        api.send<LettersDone>(REPLAY, JSON.parse(body), { harmless: true, signal }).then(
          (done) => keep({ done, error: null }),
          (cause: unknown) =>
            keep({
              done: null,
              error: cause instanceof ApiError ? cause : new ApiError(String(cause), -1, 'odd'),
            }),
        );
      },
      trial.asked === '' ? 0 : TYPING_MS,
    );
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [asked, isWanted, api]);
  return { done: trial.done, error: trial.error, stale: trial.asked !== asked };
}

export interface Action {
  /** What is under way: so many letters are through. */
  running: { verb: string; matched: number } | null;
  outcome: Outcome | null;
  error: ApiError | null;
  /** Counts what was done: what was tried before has to be tried again. */
  turn: number;
  replay(steps: readonly FixStep[]): Promise<void>;
  discard(): Promise<void>;
}

export interface Outcome {
  verb: 'replayed' | 'discarded';
  done: number;
  rejected: LetterResult[];
  rejectedCount: number;
}

const REJECTED_KEPT = 100;

/** Does it, call after call until no letter is left, and has everything on the page asked for again. */
export function useAction(target: Target): Action {
  const { api, refresh } = useContext(ServicesContext);
  const [running, setRunning] = useState<Action['running']>(null);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [turn, setTurn] = useState(0);
  useNewReader(() => {
    setOutcome(null);
    setError(null);
  });

  async function act(path: string, verb: Outcome['verb'], more: Record<string, unknown>): Promise<void> {
    if (running !== null) return;
    const sum: Outcome = { verb, done: 0, rejected: [], rejectedCount: 0 };
    let matched = 0;
    let cursor: string | null = null;
    setError(null);
    setOutcome(null);
    setRunning({ verb, matched });
    try {
      do {
        const answer: LettersDone = await api.send<LettersDone>(path, {
          ...selection(target),
          ...more,
          ...(cursor === null ? {} : { cursor }),
        });
        matched += answer.matched;
        sum.done += answer.accepted ?? answer.discarded ?? 0;
        sum.rejectedCount += answer.rejected;
        const rejected = answer.results.filter((result) => result.code !== null);
        sum.rejected.push(...rejected.slice(0, REJECTED_KEPT - sum.rejected.length));
        cursor = answer.next_cursor;
        setRunning({ verb, matched });
      } while (cursor !== null);
      setOutcome(sum);
    } catch (cause) {
      setError(cause instanceof ApiError ? cause : new ApiError(String(cause), -1, 'odd'));
    } finally {
      setRunning(null);
      setTurn((n) => n + 1);
      refresh.set(refresh.get() + 1);
    }
  }

  return {
    running,
    outcome,
    error,
    turn,
    replay: (steps) => act(REPLAY, 'replayed', { fix: readySteps(steps) }),
    discard: () => act(DISCARD, 'discarded', {}),
  };
}
