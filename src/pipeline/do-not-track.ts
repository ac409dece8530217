/** Ingest heeds who asks not to be tracked before it writes; what other producers write is looked at here. */
import {
  asksInContext,
  type DntMode,
  type EventObject,
  mayAskNotToBeTracked,
  withoutPerson,
} from '../event/do-not-track.ts';
import { type BlockBuilder, type EventRecord, rowFlag } from '../event/kernel.ts';

export interface Heeded {
  /** Rows to take out. */
  readonly rows: ReadonlySet<number>;
  /** The same events at the same indexes without their person, and nothing of the others; null: they are left out. */
  readonly instead: EventRecord | null;
}

/** Whoever asks among the events of a record, which are the last rows of the builder; null: nobody. */
export function heedRecord(
  builder: BlockBuilder,
  firstRow: number,
  input: EventRecord,
  mode: DntMode,
): Heeded | null {
  if (mode === 'off' || !mayAskNotToBeTracked(input.value)) return null;
  const rows = new Set<number>();
  const texts: string[] = [];
  for (let row = firstRow; row < builder.rows; row++) {
    const event = JSON.parse(builder.eventJson(row)) as EventObject;
    if (!asksInContext(event)) continue;
    rows.add(row);
    // An event keeps its index by what stands before it.
    while (texts.length < builder.index[row]!) texts.push('null');
    texts.push(JSON.stringify(anonymous(event, builder.flags[row]!)));
  }
  if (rows.size === 0) return null;
  if (mode === 'drop') return { rows, instead: null };
  // Times are repaired and judged already.
  const value = Buffer.from(`[${texts.join(',')}]`);
  return { rows, instead: { ...input, value, sentAt: null, allowed: null } };
}

/** What the event did not say is left to be found again; a view that is derived from a session goes with it. */
function anonymous(event: EventObject, flags: number): EventObject {
  const { event_id, timestamp, view_id, ...rest } = withoutPerson(event);
  return {
    ...((flags & rowFlag.hasEventId) === 0 ? {} : { event_id }),
    ...((flags & rowFlag.hasTimestamp) === 0 ? {} : { timestamp }),
    ...((flags & rowFlag.hasView) === 0 ? {} : { view_id }),
    ...rest,
  };
}
