/**
 * The ledger of one batch: what became of each event, per app and minute of receipt.
 * received = stored + duplicate + filtered + quarantined, by construction here and by a recount in the tests.
 */

export type Fate = 'stored' | 'duplicate' | 'filtered' | 'quarantined';

export interface TallyRow {
  readonly app: string;
  /** Epoch seconds of the minute. */
  readonly minute: number;
  stored: number;
  duplicate: number;
  filtered: number;
  quarantined: number;
}

export interface Tally {
  add(app: string, receivedAt: number, fate: Fate, count: number): void;
  /** One event that was taken for stored met another fate. */
  move(app: string, receivedAt: number, to: Fate): void;
  rows(): TallyRow[];
  total(fate: Fate): number;
}

function createRow(app: string, minute: number): TallyRow {
  return { app, minute, stored: 0, duplicate: 0, filtered: 0, quarantined: 0 };
}

export function createTally(): Tally {
  const byApp = new Map<string, Map<number, TallyRow>>();
  // Events come in runs of one app and minute: the last row is nearly always the next one's.
  let last = createRow('', -1);

  function rowOf(app: string, receivedAt: number): TallyRow {
    const minute = Math.floor(receivedAt / 60_000) * 60;
    if (last.minute === minute && last.app === app) return last;
    const minutes = byApp.getOrInsertComputed(app, () => new Map<number, TallyRow>());
    const row = minutes.getOrInsertComputed(minute, () => createRow(app, minute));
    last = row;
    return row;
  }

  const rows = () => [...byApp.values()].flatMap((minutes) => [...minutes.values()]);
  return {
    add(app, receivedAt, fate, count) {
      rowOf(app, receivedAt)[fate] += count;
    },
    move(app, receivedAt, to) {
      const row = rowOf(app, receivedAt);
      row.stored--;
      row[to]++;
    },
    rows,
    total: (fate) => rows().reduce((sum, row) => sum + row[fate], 0),
  };
}
