import { hash64 } from '../event/kernel/hash.ts';
import { putUuid } from '../event/kernel/uuid.ts';
import type { Assignment } from '../log/log.ts';
import type { EventStore, LogSource } from '../store/events.ts';
import type { BatchContext, Present } from './batch.ts';
import type { PipelineDependencies, PipelineLimits } from './consumer.ts';
import { CLOCK_MARGIN_MS, DedupeWindow } from './dedupe-window.ts';
import { actorHash } from './late.ts';
import { SessionMemory } from './steps/sessions.ts';

/**
 * What a partition's consumer must know before its first batch, read back from ClickHouse: the ids and sessions of late,
 * and which rows from the committed offset on are stored already, because someone crashed between insert and commit.
 * Stored rows are facts; only what is missing is decided afresh, in their light.
 */

export interface PartitionState extends BatchContext {
  readonly sessions: SessionMemory;
}

/** At a start the window is filled from ClickHouse up to this many ids; older ones are looked up when needed. */
const IDS_LOADED_MAX = 500_000;
/** Of the filters, beside the 24 of what is kept exactly: they know sixteen ids for each of those. */
const FILTER_BYTES_PER_ENTRY = 32;
const SESSION_TURN_MS = 2 * 60 * 60_000;

export async function openPartitionState(
  assignment: Assignment,
  deps: PipelineDependencies,
  sleep: (ms: number) => Promise<void>,
): Promise<PartitionState> {
  const { store, limits } = deps;
  const { committed } = assignment;
  const source = { topic: deps.topic.origin, partition: assignment.partition };
  if (!deps.ownServer) {
    // Whoever wrote here before took a lease no longer than ours. Only then: what is running still is ended for good.
    await sleep(limits.leaseMs);
    await store.endInserts(source);
  }
  const uncommitted = { ...source, from: committed.offset, until: assignment.endOffset() };
  const present: Present = await store.present(uncommitted);
  // They may have landed after the recompute that thought their mark was over.
  if (present.size > 0) await store.markStored(uncommitted);
  await store.clearLedger(uncommitted);
  // New to the group: its events may have gone through other partitions, or another log, a moment ago.
  const dedupe = await loadWindow(deps, { source: committed.offset === 0 ? null : source });
  const sessions = await loadSessions(deps);
  const foreign = {
    ageMaxMs: limits.timestampAgeMaxMs,
    aheadMaxMs: limits.timestampAheadMaxMs,
    now: deps.now,
    dnt: limits.dnt,
  };
  return { dedupe, sessions, present, defaultApp: deps.defaultApp, foreign, plans: deps.plans.book };
}

/** What memory is filled from, and its bounds. */
export interface MemoryOptions {
  readonly store: EventStore;
  readonly limits: Pick<PipelineLimits, 'dedupeWindowMs' | 'dedupeEntriesMax' | 'sessionActorsMax'>;
  readonly now: () => number;
}

/** The sessions assigned lately, of all partitions. */
export async function loadSessions({ store, limits, now }: MemoryOptions): Promise<SessionMemory> {
  const since = now() - SESSION_TURN_MS;
  const sessions = new SessionMemory(since, { turnMs: SESSION_TURN_MS, actorsMax: limits.sessionActorsMax });
  for (const s of await store.recentSessions(since))
    sessions.remember(actorHash(s.app_id, s.actor), BigInt(`0x${s.hash}`), s.first, s.last);
  return sessions;
}

/** The ids of a source (null: of all) received lately, those stored before `until` (an offset) when that is given. */
export async function loadWindow(
  { store, limits, now }: MemoryOptions,
  { source, until }: { readonly source: LogSource | null; readonly until?: number },
): Promise<DedupeWindow> {
  const since = now() - limits.dedupeWindowMs;
  const most = Math.min(IDS_LOADED_MAX, Math.floor(limits.dedupeEntriesMax / 2));
  const ids = await store.recentIds(source, since, most, until);
  // Where the limit cut, ids of that very millisecond may be missing.
  const oldest = ids.length < most ? since : ids[ids.length - 1]!.received_at + 1;
  const { dedupeWindowMs: windowMs, dedupeEntriesMax: entriesMax } = limits;
  const dedupe = new DedupeWindow(
    { windowMs, entriesMax, filterBytesMax: entriesMax * FILTER_BYTES_PER_ENTRY },
    // Before the first event of all there is nothing that memory would have to know.
    (await store.isEmpty()) ? -Infinity : oldest + CLOCK_MARGIN_MS,
  );
  const words = new Uint32Array(4);
  const appHashes = new Map<string, number>();
  for (let i = ids.length - 1; i >= 0; i--) {
    const { app_id, event_id, payload_hash, received_at, timestamp } = ids[i]!;
    const app = appHashes.getOrInsertComputed(app_id, appHash);
    putUuid(words, 0, event_id);
    const payload = BigInt(payload_hash);
    const [low, high] = [Number(payload & 0xffff_ffffn), Number(payload >> 32n)];
    dedupe.take([app], words, 0, 1);
    dedupe.check(0, low, high, received_at, timestamp);
  }
  dedupe.settle(dedupe.added);
  return dedupe;
}

/** The kernel's `appHash`, from text. */
function appHash(app: string): number {
  return Number(hash64(Buffer.from(app)) & 0xffff_ffffn);
}
