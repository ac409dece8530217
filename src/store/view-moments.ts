/**
 * The views with rows in dirty buckets at one moment, finished, for all questions of that moment.
 *
 * In: questions about views. Out: for each a table that holds all that was readable when the question came. Folding raw
 * rows costs 1 us a row, so it is done once for all who ask, and again when what was made is `freshMs` old: shortly before
 * that for those who come later, while there are such. Questions that find nothing fresh wait for the same one, as writers
 * share a group commit. A moment in which nothing landed is the one before. What can be
 * lost: nothing; the table is in the server's memory, and a statement that finds it changed fails and is tried again.
 */
import { randomBytes } from 'node:crypto';
import type { StoreClient } from './client.ts';
import { type DirtyBuckets, dirtyLiteralSql, readDirtyBuckets } from './questions/buckets.ts';
import {
  bucketPrintsSql,
  createHoursSql,
  createStatesSql,
  createViewsSql,
  fillHoursSql,
  fillStatesSql,
  fillViewsSql,
  openHoursSql,
} from './sql/moment.ts';
import { StoreError } from './store-error.ts';

/** Hours of apps, one for each of `apps`, in epoch seconds. */
export interface OpenHours {
  readonly apps: readonly string[];
  readonly hours: readonly number[];
}

export interface ViewMoment {
  readonly dirty: DirtyBuckets;
  /** Hours in which views of the table begin, or began: of no other is anything else true than what was recomputed. */
  readonly open: OpenHours;
  /** The server's clock, as it writes it; what was recomputed later may be of views that the moment does not know. */
  readonly at: string;
  readonly table: string;
  /** Condition that fails the statement when the table is not what it was. */
  readonly intact: string;
  /** The open hours, added up when somebody first asks for them. Rejects with StoreError. */
  hours(): Promise<KeptTable>;
}

export interface KeptTable {
  readonly table: string;
  readonly intact: string;
}

export interface ViewMoments {
  /** Runs the question on a moment that began `freshMs` before this call or later. Rejects as it does, or with StoreError. */
  use<T>(question: (moment: ViewMoment) => Promise<T>): Promise<T>;
  /** Nothing that was made before is used any more. */
  expire(): void;
  close(): Promise<void>;
}

export interface ViewMomentsOptions {
  readonly store: Pick<StoreClient, 'select' | 'command'>;
  readonly gapLimitMs: number;
  readonly log: { debug(facts: object, message: string): void };
  /** How old a moment may be; one that is dear to make may be older, by three times what it took. Default: 0. */
  readonly freshMs?: number;
  /** The table is dropped when nobody asked for so long. Default: 60,000. */
  readonly idleMs?: number;
}

interface Moment extends ViewMoment {
  /** What was in the dirty buckets. */
  readonly print: string;
  users: number;
  superseded: boolean;
}

const PREFIX = 'view_moment_';
const IDLE_MS = 60_000;
const AGE_FACTOR = 3;
/** Of a process that ended without dropping it. */
const ORPHAN_HOURS = 2;
const THROWN = 395;
const UNKNOWN_TABLE = 60;
const QUICK = { fsync_metadata: 0 };
/** Long lists of buckets stand in these statements. */
const LONG = {
  max_query_size: 16 * 1024 * 1024,
  max_ast_elements: 1_000_000,
  max_expanded_ast_elements: 1_000_000,
};

export function openViewMoments(options: ViewMomentsOptions): ViewMoments {
  const { idleMs = IDLE_MS, freshMs = 0 } = options;
  const maker = new MomentMaker(options);
  let current: Moment | null = null;
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<Moment> | null = null;
  let idle: NodeJS.Timeout | undefined;
  /** Of the last that was made, by `performance.now()`; when it began counts, also for one that was looked at again. */
  let beganAt = -Infinity;
  let tookMs = 0;
  /** When the one under way began; null when there is none. */
  let underWay: { readonly beganAt: number; readonly made: Promise<Moment> } | null = null;
  let expiredAt = -Infinity;

  const maxAge = (): number => (freshMs === 0 ? 0 : Math.max(freshMs, AGE_FACTOR * tookMs));
  const isFresh = (began: number): boolean =>
    freshMs > 0 && began >= expiredAt && performance.now() - began <= maxAge();

  async function freshMoment(): Promise<Moment> {
    if (current !== null && isFresh(beganAt)) {
      // Soon it is too old: the next caller is not to wait for another.
      const isHalfOver = performance.now() - beganAt > maxAge() / 2;
      if (isHalfOver && underWay === null) nextMoment().catch(() => {});
      return current;
    }
    if (underWay !== null && isFresh(underWay.beganAt)) return await underWay.made;
    return await nextMoment();
  }

  /** The one that begins when the one under way is done; everybody who comes until then shares it. */
  function nextMoment(): Promise<Moment> {
    next ??= (async () => {
      await running;
      const began = performance.now();
      const made = (async () => {
        next = null;
        const before = current;
        current = await maker.advance(before);
        beganAt = began;
        tookMs = performance.now() - began;
        if (before !== null && before !== current) retire(before);
        return current;
      })();
      underWay = { beganAt: began, made };
      running = made
        .catch(() => {})
        .then(() => {
          underWay = null;
        });
      return await made;
    })();
    return next;
  }

  function retire(moment: Moment): void {
    moment.superseded = true;
    if (moment.users === 0) maker.dropMoment(moment);
  }

  function forget(moment: Moment | null): void {
    if (moment === null || current !== moment) return;
    current = null;
    retire(moment);
  }

  return {
    async use(question) {
      clearTimeout(idle);
      for (let attempt = 0; ; attempt++) {
        const moment = await freshMoment();
        moment.users++;
        try {
          return await question(moment);
        } catch (error) {
          if (attempt > 0 || !isLost(error)) throw error;
          forget(moment);
        } finally {
          if (--moment.users === 0 && moment.superseded) maker.dropMoment(moment);
          clearTimeout(idle);
          idle = setTimeout(() => void running.then(() => forget(current)), idleMs).unref();
        }
      }
    },
    expire() {
      expiredAt = performance.now();
    },
    async close() {
      clearTimeout(idle);
      await running;
      forget(current);
      await maker.dropped();
    },
  };
}

/** The server was restarted, or somebody dropped the table: it can be made again. */
function isLost(error: unknown): boolean {
  return error instanceof StoreError && (error.code === THROWN || error.code === UNKNOWN_TABLE);
}

const hoursOf = (table: string): string => `${table}_hours`;

class MomentMaker {
  readonly #options: ViewMomentsOptions;
  readonly #instance = randomBytes(6).toString('hex');
  readonly #drops = new Set<Promise<void>>();
  #made = 0;
  #orphansGone = false;

  constructor(options: ViewMomentsOptions) {
    this.#options = options;
  }

  /** The moment before, when nothing landed since. */
  async advance(before: Moment | null): Promise<Moment> {
    if (!this.#orphansGone) await this.#dropOrphans();
    const { store } = this.#options;
    // First, as everywhere: what is clean now is in the tables whenever these are read.
    const dirty = await readDirtyBuckets(store, null, null);
    const list = dirtyLiteralSql(dirty);
    const [clock] = await store.select<{ now: string }>('SELECT toString(now64(3)) AS now');
    const rows = await store.select<Print>(bucketPrintsSql(list), {}, { settings: LONG });
    const print = printOf(dirty, rows);
    if (before?.print === print) return before;
    const table = this.#name();
    try {
      const intact = await this.#fill(table, list);
      const open = await this.#readOpenHours(table, list);
      const facts = { dirty, open, at: clock!.now, table, print, intact };
      let adding: Promise<KeptTable> | null = null;
      const hours = async () => {
        adding ??= this.#addHours(facts);
        return await adding.catch((error) => {
          adding = null;
          throw error;
        });
      };
      return { ...facts, hours, users: 0, superseded: false };
    } catch (error) {
      this.drop(table);
      throw error;
    }
  }

  /** Gives the condition that the table is as it is now. */
  async #fill(table: string, dirty: string): Promise<string> {
    const { gapLimitMs } = this.#options;
    const states = this.#name();
    try {
      await this.#run(createStatesSql(states));
      await this.#run(fillStatesSql(states, dirty, gapLimitMs));
      await this.#run(createViewsSql(table));
      await this.#run(fillViewsSql(table, states, dirty, gapLimitMs));
      return await this.#intact(table);
    } finally {
      this.drop(states);
    }
  }

  async #addHours({ table, open }: Pick<ViewMoment, 'table' | 'open'>): Promise<KeptTable> {
    const sums = hoursOf(table);
    const hours = dirtyLiteralSql({ apps: open.apps, buckets: open.hours });
    await this.#run(`DROP TABLE IF EXISTS ${sums} SYNC`);
    await this.#run(createHoursSql(sums));
    await this.#run(fillHoursSql(sums, table, hours));
    return { table: sums, intact: await this.#intact(sums) };
  }

  async #run(sql: string): Promise<void> {
    await this.#options.store.command(sql, {}, { settings: { ...LONG, ...QUICK } });
  }

  /** The condition that the table is as it is now. An aggregate has a row, whatever is left of the table. */
  async #intact(table: string): Promise<string> {
    const [row] = await this.#options.store.select<{ rows: number }>(`SELECT count() AS rows FROM ${table}`);
    return `(SELECT throwIf(count() != ${row!.rows}, 'the moment is lost') FROM ${table}) = 0`;
  }

  async #readOpenHours(table: string, dirty: string): Promise<OpenHours> {
    const rows = await this.#options.store.select<{ app_id: string; second: number }>(
      openHoursSql(table, dirty),
      {},
      { settings: LONG },
    );
    return { apps: rows.map((row) => row.app_id), hours: rows.map((row) => row.second) };
  }

  #name(): string {
    return `${PREFIX}${this.#instance}_${++this.#made}`;
  }

  dropMoment({ table }: ViewMoment): void {
    this.drop(table);
    this.drop(hoursOf(table));
  }

  /** Behind the scenes: SYNC, since the server would keep the rows in memory for minutes else. */
  drop(table: string): void {
    const dropping = this.#options.store
      .command(`DROP TABLE IF EXISTS ${table} SYNC`)
      .catch((error: Error) =>
        this.#options.log.debug({ table, error: error.message }, 'a table of a moment was not dropped'),
      );
    this.#drops.add(dropping);
    void dropping.then(() => this.#drops.delete(dropping));
  }

  async dropped(): Promise<void> {
    await Promise.all(this.#drops);
  }

  async #dropOrphans(): Promise<void> {
    const tables = await this.#options.store.select<{ name: string }>(
      `SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, '${PREFIX}')
       AND metadata_modification_time < now() - INTERVAL ${ORPHAN_HOURS} HOUR`,
    );
    for (const { name } of tables) this.drop(name);
    this.#orphansGone = true;
  }
}

interface Print {
  readonly app_id: string;
  readonly second: number;
  readonly rows: number;
  readonly print: string;
}

/** Another text whenever the dirty buckets, or what is in them, are others. */
function printOf({ apps, buckets }: DirtyBuckets, rows: readonly Print[]): string {
  const listed = buckets.map((second, i) => [second, apps[i]]);
  const found = rows.map(({ app_id, second, rows, print }) => [second, app_id, rows, print]);
  return JSON.stringify([listed.map(String).sort(), found.map(String).sort()]);
}
