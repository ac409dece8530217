import { quoted } from './sql/quoted.ts';

/** What of a block breaks a tracking plan: columns of its row of the ledger. */

export interface Violation {
  readonly app: string;
  readonly event: string;
  readonly mode: string;
  readonly path: string;
  readonly expected: string;
  /** The last event that did. */
  readonly eventId: string;
  readonly count: number;
}

/** In the order of `violationValues`. */
export const VIOLATION_COLUMNS = [
  'violation_app_id',
  'violation_event_name',
  'violation_mode',
  'violation_path',
  'violation_expected',
  'violation_event_id',
  'violation_count',
] as const;

/** Literals for the columns. */
export function violationValues(violations: readonly Violation[]): string {
  const texts = (['app', 'event', 'mode', 'path', 'expected', 'eventId'] as const).map(
    (name) => `[${violations.map((violation) => quoted(violation[name])).join(', ')}]`,
  );
  return [...texts, `[${violations.map(({ count }) => count).join(', ')}]`].join(', ');
}
