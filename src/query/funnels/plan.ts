/**
 * What a funnel asks of one actor's (or session's) events, and what they are. Times are ms since the beginning of the
 * range; steps and exclusions are bits, the first of them the lowest.
 */

export interface FunnelPlan {
  readonly order: 'ordered' | 'strict' | 'unordered';
  /** How many; 2 to 20. */
  readonly steps: number;
  /** From the first step of a run to its last, inclusive. */
  readonly windowMs: number;
  /** From one step to the next, inclusive; null: no such limit. Not for `unordered`. */
  readonly stepWindowMs: number | null;
  /** Steps are numbered from 1. Of no matter for `unordered`. */
  readonly exclusions: readonly { readonly afterStep: number; readonly beforeStep: number }[];
  /** A run begins before this. */
  readonly rangeMs: number;
}

/**
 * Events in (timestamp, log order), none before the range. Those that serve no step and are not excluded may be left out;
 * for `strict`, all but one between two others.
 */
export interface History {
  readonly times: readonly number[];
  /** Which steps the event may serve. */
  readonly steps: readonly number[];
  /** Which exclusions it matches. */
  readonly excluded: readonly number[];
}

/**
 * The run that counts, as places in the history, one for each step that it reaches: among all runs one that gets
 * furthest, among these the earliest (of which the first event comes first, then the second, …). Empty without any.
 */
export type RunFinder = (history: History) => number[];
