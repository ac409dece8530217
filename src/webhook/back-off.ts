/** When what a receiver did not take is sent again. */

export const BACK_OFF_MS = 1_000;
const BACK_OFF_MAX_MS = 10 * 60_000;
const RETRY_AFTER_MAX_MS = 3_600_000;

export interface BackOff {
  /** Attempts that failed before the last one. */
  readonly attempt: number;
  /** What the receiver asked for; null when it did not. */
  readonly retryAfterMs: number | null;
  /** The first pause, doubled with each further one. Default: a second. */
  readonly firstMs?: number | undefined;
  /** 0 to 1. */
  readonly random: () => number;
}

/** In ms. Doubles, with half of it left to chance: receivers that come back must not meet everybody at once. */
export function pauseMs({ attempt, retryAfterMs, firstMs = BACK_OFF_MS, random }: BackOff): number {
  const full = Math.min(BACK_OFF_MAX_MS, firstMs * 2 ** Math.min(attempt, 30));
  return Math.max(full * (0.5 + random() / 2), Math.min(retryAfterMs ?? 0, RETRY_AFTER_MAX_MS));
}
