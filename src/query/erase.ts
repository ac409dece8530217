import { setTimeout as delay } from 'node:timers/promises';
import type { StoreClient } from '../store/client.ts';
import {
  countDirty,
  countSubject,
  dropSplit,
  ErasureSweep,
  endReplays,
  noteSplit,
  type SplitView,
  type Subject,
  type Sweep,
  type Uncommitted,
} from '../store/erasure.ts';
import { purgeParts } from '../store/erasure-parts.ts';
import { SubjectTraces } from '../store/erasure-traces.ts';

/**
 * One erasure, from the first to the last step. The name is on every server's list already: from then on nothing of it is
 * stored that was received before.
 *
 * 1. count   2. remove what is stored   3. wait until what was decided before the list is stored or refused   4. end
 * replays that read the log before   5. remove again, until nothing is left   6. what speaks of the person elsewhere
 * 7. let it be gone from the disk   8. look again, since derived events and engagement have no fence   9. count
 * After a crash all of it is done again; only 1 and the days, which cannot be, are kept.
 */
export interface ErasureCounts {
  readonly events: number;
  readonly sessions: number;
  readonly views: number;
  readonly dead_letters: number;
  readonly derived_events: number;
}

export interface ErasureProgress {
  /** What it does now, for people. */
  readonly step: string;
  readonly before: ErasureCounts | null;
  readonly after: ErasureCounts | null;
  /** Rows of raw that were removed. */
  readonly removed: number;
  readonly days: Sweep['days'];
  /** Buckets of those days that are not recomputed yet. */
  readonly pending: number;
}

const NOTHING: ErasureProgress = {
  step: 'waiting',
  before: null,
  after: null,
  removed: 0,
  days: [],
  pending: 0,
};

export function readProgress(json: string): ErasureProgress {
  return { ...NOTHING, ...(JSON.parse(json) as Partial<ErasureProgress>) };
}

export interface EraseOptions {
  readonly erasureId: string;
  readonly client: StoreClient;
  readonly shards: readonly StoreClient[];
  readonly uncommitted: () => Promise<readonly Uncommitted[]>;
  readonly fenceMs: number;
  readonly signal: AbortSignal;
  readonly progress: () => ErasureProgress;
  readonly save: (more: Partial<ErasureProgress>) => Promise<void>;
}

const POLL_MS = 250;
/** Recomputes take turns; answers come from raw meanwhile, so nobody has to wait for the last of them. */
const RECOMPUTE_PATIENCE_MS = 5_000;

/** Rejects with StoreError, with what the log says, or with the signal's reason. */
export async function eraseSubject(subject: Subject, options: EraseOptions): Promise<void> {
  const { client, shards, signal, save, progress } = options;
  const traces = shards.map(
    (shard, index) =>
      new SubjectTraces(shard, subject, shards.length === 1 ? null : { index, database: shard.database }),
  );
  const count = () => countAll(client, subject, traces);
  const fence = delay(options.fenceMs, undefined, { signal });
  // It may reject before anybody waits for it.
  fence.catch(() => {});
  if (progress().before === null) await save({ step: 'counting', before: await count() });
  await save({ step: 'removing' });
  await sweep(subject, options);
  await removeTraces(traces);
  await save({ step: 'waiting for what was under way' });
  await fence;
  for (const shard of shards) await endReplays(shard);
  for (;;) {
    await save({ step: 'removing' });
    let found = await sweep(subject, options);
    found += await removeTraces(traces);
    await save({ step: 'clearing the disk' });
    for (const shard of shards) await purgeParts(shard, signal);
    await save({ step: 'looking again' });
    // Something may be stored and not yet committed: it is removed when it is.
    const left = await countSubject(client, subject);
    if (found === 0 && left.events === 0) break;
    if (found === 0) await delay(POLL_MS, undefined, { signal });
  }
  await awaitRecompute(options);
  await save({ step: 'done', after: await count() });
}

async function countAll(
  client: StoreClient,
  subject: Subject,
  traces: readonly SubjectTraces[],
): Promise<ErasureCounts> {
  const raw = await countSubject(client, subject);
  const rest = await Promise.all(traces.map((one) => one.count()));
  return {
    ...raw,
    dead_letters: rest.reduce((sum, one) => sum + one.dead_letters, 0),
    derived_events: rest.reduce((sum, one) => sum + one.derived_events, 0),
  };
}

async function removeTraces(traces: readonly SubjectTraces[]): Promise<number> {
  let rows = 0;
  for (const one of traces) rows += await one.remove();
  return rows;
}

/** Removes what is committed, everywhere, and what was counted from it. Resolves with how many rows that were. */
async function sweep(subject: Subject, options: EraseOptions): Promise<number> {
  const { shards, erasureId, progress, save } = options;
  // Before raw is looked at: what is committed by then stays what it is.
  const uncommitted = await options.uncommitted();
  const sweeps = shards.map((shard) => new ErasureSweep(shard, erasureId));
  const done: Sweep[] = [];
  for (const one of sweeps) done.push(await one.remove(subject, uncommitted));
  const rows = done.reduce((sum, one) => sum + one.rows, 0);
  if (rows === 0) return 0;
  const split: SplitView[] = [];
  if (shards.length > 1) for (const one of sweeps) split.push(...(await one.splitViews()));
  for (const shard of shards) await noteSplit(shard, split);
  for (const one of sweeps) await one.settle();
  await dropSplit(shards[0]!, split);
  const { days, removed } = progress();
  await save({
    removed: removed + rows,
    days: joinDays(
      days,
      done.flatMap((one) => one.days),
    ),
  });
  for (const one of sweeps) await one.forget();
  return rows;
}

function joinDays(known: Sweep['days'], more: Sweep['days']): Sweep['days'] {
  const all = new Map([...known, ...more].map((day) => [`${day.day} ${day.app_id}`, day]));
  return [...all.keys()].sort().map((key) => all.get(key)!);
}

async function awaitRecompute({ shards, signal, progress, save }: EraseOptions): Promise<void> {
  const until = performance.now() + RECOMPUTE_PATIENCE_MS;
  for (;;) {
    const dirty = await Promise.all(shards.map((shard) => countDirty(shard, progress().days)));
    const pending = dirty.reduce((sum, one) => sum + one, 0);
    await save({ step: 'recomputing', pending });
    if (pending === 0 || performance.now() > until) return;
    await delay(POLL_MS, undefined, { signal });
  }
}
