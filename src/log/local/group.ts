import type { Assignment, Committed, LogRecord, Membership } from '../log.ts';
import type { Commits } from './commits.ts';
import type { Cursor } from './cursor.ts';
import type { Partition } from './partition.ts';

type Handler = (assignment: Assignment) => Promise<void>;

export interface GroupOptions {
  readonly name: string;
  readonly partitions: readonly Partition[];
  readonly commits: Commits;
  readonly openCursor: (partition: Partition, offset: number) => Cursor;
  readonly onCommit: (partition: number) => void;
  /** A handler failed: its partition is served by nobody until the members change. */
  readonly onError: (error: Error) => void;
}

interface Member {
  readonly run: Handler;
  /** What its handlers are still doing. */
  readonly serving: Set<Promise<void>>;
}

/** One partition and whose it is. The next owner starts when the last one's handler has returned. */
interface Slot {
  readonly partition: Partition;
  owner: Member | null;
  controller: AbortController;
  /** Counts changes of owner: a start that was overtaken by the next change does not happen. */
  turn: number;
  idle: Promise<void>;
}

/** The members of one group in this process, and which partitions each serves. */
export class Group {
  readonly #options: GroupOptions;
  readonly #members: Member[] = [];
  readonly #slots: Slot[];

  constructor(options: GroupOptions) {
    this.#options = options;
    this.#slots = options.partitions.map((partition) => ({
      partition,
      owner: null,
      controller: new AbortController(),
      turn: 0,
      idle: Promise.resolve(),
    }));
  }

  join(run: Handler): Membership {
    const member: Member = { run, serving: new Set() };
    this.#members.push(member);
    this.#rebalance();
    return { stop: () => this.#leave(member) };
  }

  /** Stops all members. */
  async close(): Promise<void> {
    await Promise.all([...this.#members].map((member) => this.#leave(member)));
  }

  async #leave(member: Member): Promise<void> {
    const at = this.#members.indexOf(member);
    if (at >= 0) {
      this.#members.splice(at, 1);
      this.#rebalance();
    }
    await Promise.all(member.serving);
  }

  /** Even shares; whoever has a partition keeps it as long as that is within its share. */
  #rebalance(): void {
    const left = new Map<Member, number>();
    this.#members.forEach((member, i) => {
      const { length } = this.#members;
      left.set(member, Math.floor(this.#slots.length / length) + (i < this.#slots.length % length ? 1 : 0));
    });
    const take = (member: Member | null): boolean => {
      const share = member ? (left.get(member) ?? 0) : 0;
      if (member && share > 0) left.set(member, share - 1);
      return share > 0;
    };
    const open = this.#slots.filter((slot) => !take(slot.owner));
    for (const slot of open) {
      const next = this.#members.find((member) => take(member)) ?? null;
      if (next !== slot.owner) this.#give(slot, next);
    }
  }

  #give(slot: Slot, member: Member | null): void {
    slot.controller.abort();
    slot.owner = member;
    const turn = ++slot.turn;
    slot.idle = slot.idle.then(async () => {
      if (turn !== slot.turn || !member) return;
      slot.controller = new AbortController();
      const serving = this.#serve(slot.partition, member.run, slot.controller);
      member.serving.add(serving);
      await serving;
      member.serving.delete(serving);
    });
  }

  async #serve(partition: Partition, run: Handler, controller: AbortController): Promise<void> {
    const { name, commits, openCursor, onCommit, onError } = this.#options;
    let cursor: Cursor | null = null;
    try {
      // The last owner may have left a commit on its way.
      await commits.settled(name);
      const committed = commits.get(name, partition.id);
      cursor = openCursor(partition, committed.offset);
      await run(
        new LocalAssignment(partition, controller.signal, committed, cursor, async (offset, metadata) => {
          await commits.commit(name, partition.id, offset, metadata);
          onCommit(partition.id);
        }),
      );
    } catch (cause) {
      const message = `The handler of group '${name}' on ${partition.name} failed: ${(cause as Error).message}`;
      onError(new Error(message, { cause }));
    } finally {
      controller.abort();
      await cursor?.close().catch(() => {});
    }
  }
}

class LocalAssignment implements Assignment {
  readonly partition: number;
  readonly signal: AbortSignal;
  readonly committed: Committed;
  readonly #source: Partition;
  readonly #cursor: Cursor;
  readonly #commit: (offset: number, metadata: string) => Promise<void>;
  #seekTo: number | null = null;
  #reading = false;

  constructor(
    source: Partition,
    signal: AbortSignal,
    committed: Committed,
    cursor: Cursor,
    commit: (offset: number, metadata: string) => Promise<void>,
  ) {
    this.partition = source.id;
    this.signal = signal;
    this.committed = committed;
    this.#source = source;
    this.#cursor = cursor;
    this.#commit = commit;
  }

  async read(maxBytes: number, waitMs: number): Promise<LogRecord[]> {
    if (this.#reading) throw new Error('a read of this assignment is under way');
    this.#reading = true;
    try {
      return await this.#read(maxBytes, performance.now() + waitMs);
    } finally {
      this.#reading = false;
    }
  }

  async #read(maxBytes: number, deadline: number): Promise<LogRecord[]> {
    while (!this.signal.aborted) {
      if (this.#seekTo !== null) {
        const offset = this.#seekTo;
        this.#seekTo = null;
        await this.#cursor.seek(offset);
      }
      const records = await this.#cursor.read(maxBytes);
      if (this.signal.aborted) break;
      // A seek during the read: these are not the records that the caller wants now.
      if (this.#seekTo !== null) continue;
      const waitMs = deadline - performance.now();
      if (records.length > 0 || waitMs <= 0) return records;
      await this.#source.waitForMore(waitMs, this.signal);
    }
    return [];
  }

  seek(offset: number): void {
    if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError(`${offset} is not an offset`);
    this.#seekTo = offset;
  }

  async commit(offset: number, metadata: string): Promise<void> {
    if (this.signal.aborted) {
      throw new Error(`partition ${this.#source.name} was taken away: offset ${offset} is not committed`);
    }
    if (offset > this.#source.end)
      throw new RangeError(`cannot commit offset ${offset}: the end is ${this.#source.end}`);
    await this.#commit(offset, metadata);
  }

  endOffset(): number {
    return this.#source.end;
  }

  /** The lock on the folder keeps others out, frozen or not. */
  heldUntil(): number {
    return Infinity;
  }
}
