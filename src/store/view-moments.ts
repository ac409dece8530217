/**
 * The views of the dirty buckets at one moment, shared by all questions of that moment.
 *
 * In: questions about views. Out: for each a table with the states of every dirty bucket, which holds all that was
 * readable when the question came. Questions that come while one moment is made wait for the next, and share it, as
 * writers share a group commit. Folding all rows of the dirty buckets costs 1 us a row; so a moment is made from the one
 * before and the rows inserted since. What can be lost: nothing; each bucket is held against a count of its rows, and
 * folded anew where the two differ. The table is in the server's memory and guarded by the number of its rows.
 */
import { randomBytes } from 'node:crypto';
import type { StoreClient } from './client.ts';
import { type DirtyBuckets, dirtyListSql, readDirtyBuckets } from './questions/buckets.ts';
import {
  advanceSql,
  type Covered,
  createMomentSql,
  deltaSql,
  mendSql,
  momentCountsSql,
  type NextMoment,
  scanSql,
} from './sql/moment.ts';
import { SqlValues } from './sql/values.ts';
import { StoreError } from './store-error.ts';

export interface ViewMoment {
  readonly dirty: DirtyBuckets;
  readonly table: string;
  /** Condition that fails the statement when the table is not what it was. */
  readonly intact: string;
}

export interface ViewMoments {
  /** Runs the question on a moment that began after this call. Rejects as it does, or with StoreError. */
  use<T>(question: (moment: ViewMoment) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface ViewMomentsOptions {
  readonly store: Pick<StoreClient, 'select' | 'command'>;
  readonly gapLimitMs: number;
  readonly log: { debug(facts: object, message: string): void };
  /** The table is dropped when nobody asked for so long. Default: 60,000. */
  readonly idleMs?: number;
}

interface Moment extends ViewMoment {
  readonly covered: Covered;
  /** Rows covered, by `second app`. */
  readonly known: ReadonlyMap<string, number>;
  users: number;
  superseded: boolean;
}

interface Scanned {
  readonly app_id: string;
  readonly second: number;
  readonly log_partition: number;
  readonly known: number;
  readonly rows: number;
  readonly latest: number;
}

const PREFIX = 'view_moment_';
const IDLE_MS = 60_000;
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
  const { idleMs = IDLE_MS } = options;
  const maker = new MomentMaker(options);
  let current: Moment | null = null;
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<Moment> | null = null;
  let idle: NodeJS.Timeout | undefined;

  /** The one that begins when the one under way is done; everybody who comes until then shares it. */
  function nextMoment(): Promise<Moment> {
    next ??= (async () => {
      await running;
      const made = (async () => {
        next = null;
        const before = current;
        current = await maker.advance(before);
        if (before !== null && before !== current) retire(before);
        return current;
      })();
      running = made.catch(() => {});
      return await made;
    })();
    return next;
  }

  function retire(moment: Moment): void {
    moment.superseded = true;
    if (moment.users === 0) maker.drop(moment.table);
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
        const moment = await nextMoment();
        moment.users++;
        try {
          return await question(moment);
        } catch (error) {
          if (attempt > 0 || !isLost(error)) throw error;
          forget(moment);
        } finally {
          if (--moment.users === 0 && moment.superseded) maker.drop(moment.table);
          clearTimeout(idle);
          idle = setTimeout(() => void running.then(() => forget(current)), idleMs).unref();
        }
      }
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

class MomentMaker {
  readonly #options: ViewMomentsOptions;
  readonly #instance = randomBytes(6).toString('hex');
  readonly #drops = new Set<Promise<void>>();
  #made = 0;
  #orphansGone = false;

  constructor(options: ViewMomentsOptions) {
    this.#options = options;
  }

  /** From the moment before, or from nothing where that is lost. */
  async advance(before: Moment | null): Promise<Moment> {
    if (!this.#orphansGone) await this.#dropOrphans();
    try {
      return await this.#make(before);
    } catch (error) {
      if (before === null || !isLost(error)) throw error;
      return await this.#make(null);
    }
  }

  async #make(before: Moment | null): Promise<Moment> {
    const { store, gapLimitMs } = this.#options;
    const dirty = await readDirtyBuckets(store, null, null);
    const covered = before?.covered ?? { partitions: [], until: [] };
    const values = new SqlValues();
    const scanned = await store.select<Scanned>(
      scanSql(dirtyListSql(dirty, values), covered),
      values.params,
      { settings: LONG },
    );
    const carried = before === null ? { apps: [], buckets: [] } : findCarried(before, dirty, scanned);
    const isSame =
      before !== null &&
      carried.buckets.length === dirty.buckets.length &&
      dirty.buckets.length === before.dirty.buckets.length &&
      scanned.every(({ known, rows }) => known === rows);
    if (isSame) return before;
    return await this.#build(before, {
      dirty,
      carried,
      before: covered,
      covered: advanceCovered(covered, scanned),
      gapLimitMs,
    });
  }

  async #build(
    before: Moment | null,
    plan: Omit<NextMoment, 'dirty' | 'carried'> & { dirty: DirtyBuckets; carried: DirtyBuckets },
  ): Promise<Moment> {
    const { store } = this.#options;
    const values = new SqlValues();
    const step: NextMoment = {
      ...plan,
      dirty: dirtyListSql(plan.dirty, values),
      carried: dirtyListSql(plan.carried, values),
    };
    const run = (sql: string) => store.command(sql, values.params, { settings: { ...LONG, ...QUICK } });
    const [table, delta] = [this.#name(), this.#name()];
    try {
      const anew = before === null || plan.carried.buckets.length === 0;
      await run(createMomentSql(table));
      if (anew) await run(deltaSql(table, step));
      else {
        await run(createMomentSql(delta));
        await run(deltaSql(delta, step));
        await run(advanceSql(table, before.table, delta, before.intact, step));
      }
      let counts = await this.#count(table);
      if (counts.torn > 0) {
        await run(mendSql(table, step));
        counts = await this.#count(table);
      }
      return {
        dirty: plan.dirty,
        covered: plan.covered,
        table,
        intact: intactSql(table, counts.states),
        known: counts.known,
        users: 0,
        superseded: false,
      };
    } catch (error) {
      this.drop(table);
      throw error;
    } finally {
      this.drop(delta);
    }
  }

  async #count(table: string): Promise<{ known: Map<string, number>; states: number; torn: number }> {
    const rows = await this.#options.store.select<{
      app_id: string;
      second: number;
      known: number;
      states: number;
      replaced: number;
    }>(momentCountsSql(table));
    return {
      known: new Map(rows.map((row) => [`${row.second} ${row.app_id}`, row.known])),
      states: rows.reduce((sum, row) => sum + row.states, 0),
      torn: rows.reduce((sum, row) => sum + row.replaced, 0),
    };
  }

  #name(): string {
    return `${PREFIX}${this.#instance}_${++this.#made}`;
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

/** A restarted server knows the table and none of its rows. */
function intactSql(table: string, states: number): string {
  return `throwIf((SELECT count() FROM ${table}) != ${states}, 'the moment is lost') = 0`;
}

/** The dirty buckets of which the moment before has exactly the rows that it should have. */
function findCarried(before: Moment, dirty: DirtyBuckets, scanned: readonly Scanned[]): DirtyBuckets {
  const found = new Map<string, number>();
  for (const { app_id, second, known } of scanned) {
    const key = `${second} ${app_id}`;
    found.set(key, (found.get(key) ?? 0) + known);
  }
  const had = new Set(before.dirty.buckets.map((second, i) => `${second} ${before.dirty.apps[i]}`));
  const apps: string[] = [];
  const buckets: number[] = [];
  for (const [i, second] of dirty.buckets.entries()) {
    const key = `${second} ${dirty.apps[i]}`;
    if (!had.has(key) || (found.get(key) ?? 0) !== (before.known.get(key) ?? 0)) continue;
    apps.push(dirty.apps[i]!);
    buckets.push(second);
  }
  return { apps, buckets };
}

function advanceCovered(before: Covered, scanned: readonly Scanned[]): Covered {
  const until = new Map(before.partitions.map((partition, i) => [partition, before.until[i]!]));
  for (const { log_partition, latest } of scanned)
    until.set(log_partition, Math.max(latest, until.get(log_partition) ?? 0));
  return { partitions: [...until.keys()], until: [...until.values()] };
}
