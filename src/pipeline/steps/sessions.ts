import { rowFlag } from '../../event/kernel.ts';
import { SESSION_GAP_MS } from '../../store/events.ts';
import type { Block } from '../block.ts';

/**
 * Sessions for events that name none: an event joins its actor's session if at most 30 minutes lie between them, on
 * either side, the nearest first and the earlier on a tie; else it opens one.
 *
 * `since` is the time from which on every event of an assigned session is known here; for an event near or before it
 * the caller loads what ClickHouse has (`remember`) first.
 */

interface Session {
  first: number;
  last: number;
  readonly hash: bigint;
}

export class SessionMemory {
  #newer = new Map<bigint, Session[]>();
  #older = new Map<bigint, Session[]>();
  #olderSince: number;
  #newerSince: number;
  readonly #turnMs: number;
  readonly #actorsMax: number;

  constructor(since: number, options: { turnMs: number; actorsMax: number }) {
    this.#olderSince = since;
    this.#newerSince = since;
    this.#turnMs = options.turnMs;
    this.#actorsMax = options.actorsMax;
  }

  get since(): number {
    return this.#olderSince;
  }

  /** A session, or a part of one, that ClickHouse knows. */
  remember(actor: bigint, hash: bigint, first: number, last: number): void {
    const sessions = this.#of(actor);
    const known = sessions.find((session) => session.hash === hash);
    if (!known) sessions.push({ first, last, hash });
    else extend(known, first, last);
  }

  /** The hash of the session that the event belongs to. Asked again for the same event, it answers the same. */
  assign(actor: bigint, timestamp: number): bigint {
    const sessions = this.#of(actor);
    let best: Session | null = null;
    let bestGap = SESSION_GAP_MS + 1;
    for (const session of sessions) {
      const gap = Math.max(session.first - timestamp, timestamp - session.last, 0);
      if (gap < bestGap || (gap === bestGap && best && session.first < best.first)) {
        best = session;
        bestGap = gap;
      }
    }
    if (best) {
      extend(best, timestamp, timestamp);
      return best.hash;
    }
    const hash = sessionHash(actor, timestamp);
    sessions.push({ first: timestamp, last: timestamp, hash });
    return hash;
  }

  #of(actor: bigint): Session[] {
    let sessions = this.#newer.get(actor);
    if (!sessions) {
      sessions = this.#older.get(actor) ?? [];
      this.#newer.set(actor, sessions);
    }
    return sessions;
  }

  /**
   * Forgets the older generation when the newer is full or old enough. To be called before a batch, with the time of
   * receipt of its oldest event, and before the look at `since` that decides what to load for it: in between, what was
   * not loaded would be forgotten, and so would sessions of the batch itself.
   */
  turnIfDue(receivedAt: number): void {
    if (receivedAt - this.#newerSince < this.#turnMs && this.#newer.size < this.#actorsMax / 2) return;
    this.#older = this.#newer;
    this.#newer = new Map();
    this.#olderSince = this.#newerSince;
    this.#newerSince = receivedAt;
  }
}

function extend(session: Session, first: number, last: number): void {
  if (first < session.first) session.first = first;
  if (last > session.last) session.last = last;
}

/** The same for the same actor and first event, so that a batch decided again gives the same id. */
function sessionHash(actor: bigint, timestamp: number): bigint {
  let h = BigInt.asUintN(64, actor ^ (BigInt(timestamp) * 0x9e3779b97f4a7c15n));
  h = BigInt.asUintN(64, (h ^ (h >> 32n)) * 0xd6e8feb86659fd93n);
  return h ^ (h >> 29n);
}

export function needsSession(flags: number): boolean {
  return (flags & rowFlag.hasActor) !== 0 && (flags & rowFlag.hasSession) === 0;
}

export function actorAt(words: Uint32Array, row: number): bigint {
  return (BigInt(words[row * 2 + 1]!) << 32n) | BigInt(words[row * 2]!);
}

export function createAssignSessions(memory: SessionMemory): (block: Block) => void {
  return ({ builder, batch }) => {
    for (const { firstRow, rows } of batch.spans) {
      for (let row = firstRow; row < firstRow + rows; row++) {
        if (!needsSession(builder.flags[row]!)) continue;
        const actor = actorAt(builder.actorWords, row);
        builder.assignSession(row, memory.assign(actor, builder.timestamp[row]!));
      }
    }
  };
}
