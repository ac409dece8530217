import { hashParts } from '../event/kernel/hash.ts';
import { rowFlag } from '../event/kernel.ts';
import { BUCKET_SECONDS, type EventStore, SESSION_GAP_MS, type StoredId } from '../store/events.ts';
import { type Batch, idAt, type LateRow, type Span } from './batch.ts';
import { CLOCK_MARGIN_MS } from './dedupe-window.ts';
import { needsSession, type SessionMemory } from './steps/sessions.ts';

/**
 * What memory cannot know, asked of ClickHouse in a few look-ups per batch: ids that may have been stored before the
 * dedupe window, and sessions of actors from before this process remembers. Both are rare in live traffic and all of a
 * back-fill.
 */

const IDS_PER_QUERY = 20_000;

/** What of ClickHouse is asked here. */
export type LateStore = Pick<EventStore, 'findIds' | 'findIdsAnywhere' | 'findSessions'>;

/** Takes late duplicates out of the batch. */
export async function settleLateIds(batch: Batch, store: LateStore): Promise<void> {
  if (batch.late.length === 0) return;
  batch.lookups += batch.late.length;
  // All answers first: a look-up that fails must leave the batch as it was, since it is tried again.
  const answers: [LateId[], Map<string, string>][] = [];
  for (const [group, rows] of groupLate(batch)) answers.push([rows, await findStored(store, group, rows)]);
  const out = new Map<Span, Set<number>>();
  for (const [rows, stored] of answers) {
    for (const { late, id, payload } of rows) {
      const known = stored.get(id);
      if (known === undefined) continue;
      batch.reclassify(late, known === payload ? 'duplicate' : 'collision');
      if (known === payload) batch.duplicatesStored++;
      const indexes = out.get(late.span) ?? new Set<number>();
      out.set(late.span, indexes.add(late.index));
    }
  }
  batch.late.length = 0;
  if (out.size > 0) batch.rebuild(out);
}

interface LateId {
  readonly late: LateRow;
  readonly id: string;
  readonly payload: string;
  readonly bucket: number;
}

interface LateGroup {
  readonly app: string;
  readonly timed: boolean;
}

function groupLate(batch: Batch): [LateGroup, LateId[]][] {
  const { builder } = batch;
  const groups = new Map<string, [LateGroup, LateId[]]>();
  for (const late of batch.late) {
    const row = batch.rowOf(late.span, late.index);
    const app = builder.text.get(builder.textColumns.app_id[row]!);
    const timed = (builder.flags[row]! & rowFlag.hasTimestamp) !== 0;
    const key = `${timed} ${app}`;
    const group = groups.get(key) ?? [{ app, timed }, []];
    groups.set(key, group);
    const low = builder.payloadWords[row * 2]!;
    const high = builder.payloadWords[row * 2 + 1]!;
    group[1].push({
      late,
      id: idAt(builder.idWords, row),
      payload: ((BigInt(high) << 32n) | BigInt(low)).toString(),
      bucket: Math.floor(builder.timestamp[row]! / 1000 / BUCKET_SECONDS) * BUCKET_SECONDS,
    });
  }
  return [...groups.values()];
}

/** id -> payload hash of what is stored. */
async function findStored(store: LateStore, group: LateGroup, rows: LateId[]): Promise<Map<string, string>> {
  const stored = new Map<string, string>();
  for (let from = 0; from < rows.length; from += IDS_PER_QUERY) {
    const part = rows.slice(from, from + IDS_PER_QUERY);
    const ids = part.map((row) => row.id);
    const found: StoredId[] = group.timed
      ? await store.findIds(group.app, ids, new Set(part.map((row) => row.bucket)))
      : await store.findIdsAnywhere(group.app, ids);
    for (const row of found) stored.set(row.event_id, row.payload_hash);
  }
  return stored;
}

/** Loads the stored sessions that events of this batch may join. */
export async function loadLateSessions(batch: Batch, store: LateStore, memory: SessionMemory): Promise<void> {
  const { builder } = batch;
  const wanted = new Map<string, { actors: Set<string>; from: number; to: number }>();
  const knownFrom = memory.since + SESSION_GAP_MS + CLOCK_MARGIN_MS;
  for (let row = 0; row < builder.rows; row++) {
    const timestamp = builder.timestamp[row]!;
    if (timestamp >= knownFrom || !needsSession(builder.flags[row]!)) continue;
    const app = builder.text.get(builder.textColumns.app_id[row]!);
    const actor = builder.stringAt('user_id', row) || builder.stringAt('anonymous_id', row);
    const group = wanted.get(app) ?? { actors: new Set(), from: Infinity, to: -Infinity };
    wanted.set(app, group);
    group.actors.add(actor);
    group.from = Math.min(group.from, timestamp);
    group.to = Math.max(group.to, timestamp);
  }
  for (const [app, { actors, from, to }] of wanted) {
    const list = [...actors];
    for (let at = 0; at < list.length; at += IDS_PER_QUERY) {
      const some = list.slice(at, at + IDS_PER_QUERY);
      const sessions = await store.findSessions(app, some, from - SESSION_GAP_MS, to + SESSION_GAP_MS);
      for (const s of sessions)
        memory.remember(actorHash(s.app_id, s.actor), BigInt(`0x${s.hash}`), s.first, s.last);
    }
  }
}

/** The kernel's `actorWords`, from text. */
export function actorHash(app: string, actor: string): bigint {
  return hashParts(app, actor);
}
