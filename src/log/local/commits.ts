import type { Committed } from '../log.ts';
import { type LogFiles, replaceFile } from './files.ts';
import type { Floor } from './retention.ts';

const METADATA_BYTES_MAX = 4096;
const GROUP_NAME = /^[\w.:@ -]{1,200}$/;
const NEVER: Committed = { offset: 0, metadata: '' };

type Offsets = Map<number, Committed>;

interface Group {
  readonly name: string;
  /** Its file exists. */
  durable: boolean;
  committed: Offsets;
  /** What the write under way will make of `committed`. */
  next: Offsets;
  /** Asked for while a write was under way. */
  waiting: Offsets;
  writing: Promise<void> | null;
  /** The write after that one; all that asked meanwhile share it. */
  queued: Promise<void> | null;
}

/**
 * What the groups of one topic have committed: a small file a group, replaced as a whole. Commits that arrive while
 * the file is being written go into the next one together.
 */
export class Commits {
  readonly #files: LogFiles;
  readonly #folder: string;
  readonly #groups = new Map<string, Group>();

  constructor(files: LogFiles, folder: string) {
    this.#files = files;
    this.#folder = folder;
  }

  /** Reads all groups; throws when a file is not what this class wrote. */
  async load(): Promise<void> {
    await this.#files.makeFolder(this.#folder);
    for (const file of await this.#files.list(this.#folder)) {
      if (!file.endsWith('.json')) continue;
      const group = readGroup(
        `${this.#folder}/${file}`,
        await this.#files.readText(`${this.#folder}/${file}`),
      );
      this.#groups.set(group.name, group);
    }
  }

  /** Makes the group known, durably: from now on retention waits for it. */
  async ensure(name: string): Promise<void> {
    if (!GROUP_NAME.test(name))
      throw new RangeError(`'${name}' cannot be the name of a group: it must match ${GROUP_NAME}`);
    const group = this.#groups.get(name) ?? createGroup(name);
    this.#groups.set(name, group);
    if (!group.durable) await this.#enqueue(group);
  }

  get(name: string, partition: number): Committed {
    return this.#groups.get(name)?.committed.get(partition) ?? NEVER;
  }

  /** Resolves when no commit of the group is on its way. */
  async settled(name: string): Promise<void> {
    const group = this.#groups.get(name);
    await (group?.queued ?? group?.writing)?.catch(() => {});
  }

  /** Durable when it resolves. An offset below the committed one is refused: its records may be gone. */
  async commit(name: string, partition: number, offset: number, metadata: string): Promise<void> {
    const group = this.#groups.get(name);
    if (!group) throw new Error(`the group '${name}' has not joined`);
    const last = group.waiting.get(partition) ?? group.next.get(partition) ?? NEVER;
    if (!Number.isSafeInteger(offset) || offset < last.offset) {
      throw new RangeError(`cannot commit offset ${offset}: ${last.offset} is committed`);
    }
    if (Buffer.byteLength(metadata) > METADATA_BYTES_MAX) {
      throw new RangeError(`the metadata of a commit may have ${METADATA_BYTES_MAX} bytes`);
    }
    group.waiting.set(partition, { offset, metadata });
    await this.#enqueue(group);
  }

  /** The group that has committed least of a partition; null without groups. */
  floor(partition: number): Floor | null {
    let least: Floor | null = null;
    for (const group of this.#groups.values()) {
      const offset = group.committed.get(partition)?.offset ?? 0;
      if (least === null || offset < least.offset) least = { group: group.name, offset };
    }
    return least;
  }

  /** The most that any group has committed of a partition; 0 when nothing. */
  most(partition: number): number {
    let most = 0;
    for (const group of this.#groups.values())
      most = Math.max(most, group.committed.get(partition)?.offset ?? 0);
    return most;
  }

  #enqueue(group: Group): Promise<void> {
    group.queued ??= this.#writeAfterLast(group);
    return group.queued;
  }

  async #writeAfterLast(group: Group): Promise<void> {
    await group.writing?.catch(() => {});
    group.queued = null;
    group.writing = this.#write(group);
    await group.writing;
  }

  async #write(group: Group): Promise<void> {
    group.next = new Map([...group.committed, ...group.waiting]);
    group.waiting = new Map();
    const text = `${JSON.stringify({ group: group.name, committed: Object.fromEntries(group.next) })}\n`;
    try {
      await replaceFile(this.#files, this.#folder, `${encodeURIComponent(group.name)}.json`, text);
      group.committed = group.next;
      group.durable = true;
    } catch (error) {
      group.next = group.committed;
      throw error;
    }
  }
}

function createGroup(name: string, committed: Offsets = new Map()): Group {
  return {
    name,
    durable: false,
    committed,
    next: committed,
    waiting: new Map(),
    writing: null,
    queued: null,
  };
}

function readGroup(path: string, text: string): Group {
  try {
    const { group: name, committed } = JSON.parse(text) as {
      group: string;
      committed: Record<string, Committed>;
    };
    const offsets: Offsets = new Map();
    for (const [partition, { offset, metadata }] of Object.entries(committed)) {
      if (!Number.isSafeInteger(offset) || typeof metadata !== 'string')
        throw new TypeError('an offset is not a number');
      offsets.set(Number(partition), { offset, metadata });
    }
    if (typeof name !== 'string') throw new TypeError('the group has no name');
    return { ...createGroup(name, offsets), durable: true };
  } catch (cause) {
    throw new Error(
      `${path}, the committed offsets of a group, cannot be read: ${(cause as Error).message}. ` +
        'Restore it from a copy; without it the group would start again from the earliest record.',
      { cause },
    );
  }
}
