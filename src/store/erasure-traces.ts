import { randomBytes } from 'node:crypto';
import { personIds } from '../event/person.ts';
import type { StoreClient } from './client.ts';
import { type Subject, UNLOGGED } from './erasure.ts';
import { KEEP_ID } from './kept-sessions.ts';
import { SplitSql } from './split-views.ts';
import { hourlySql } from './sql/hours.ts';
import { quoted } from './sql/quoted.ts';
import { appsSql, SqlValues } from './sql/values.ts';

/**
 * What speaks of a person beside raw, on one server: dead letters, published derived events, sessions that were kept, and
 * what was counted when raw was kept that is gone since. All reject with StoreError.
 */

export interface TraceCounts {
  readonly dead_letters: number;
  readonly derived_events: number;
}

/** Of several servers, which this is; null when it is the only one. */
export interface Home {
  readonly index: number;
  readonly database: string;
}

const VIEW = 'app_id, video_id, view_id';
const LONG_MS = 3_600_000;
const SYNC = { mutations_sync: 2, max_query_size: 64 * 1024 * 1024 };
const ASK = { settings: UNLOGGED, timeoutMs: LONG_MS };
const IDS_PER_STATEMENT = 10_000;

export class SubjectTraces {
  readonly #client: StoreClient;
  readonly #subject: Subject;
  readonly #home: Home | null;

  constructor(client: StoreClient, subject: Subject, home: Home | null) {
    this.#client = client;
    this.#subject = subject;
    this.#home = home;
  }

  async count(): Promise<TraceCounts> {
    const [letters, derived] = [await this.#findLetters(), await this.#findDerived()];
    return { dead_letters: letters.length, derived_events: derived.length };
  }

  /** Resolves with how many rows there were. */
  async remove(): Promise<number> {
    const letters = await this.#findLetters();
    await this.#deleteIds('dead_letters', 'id', letters);
    await this.#deleteIds('dead_letter_states', 'id', letters);
    const derived = await this.#findDerived();
    await this.#deleteIds('derived_events', 'event_id', derived);
    const rows = [await this.#removeOldViews(), await this.#removeDays(), await this.#removeSessions()];
    return rows.reduce((sum, one) => sum + one, letters.length + derived.length);
  }

  /** Letters whose payload, or whose fix, names the person. */
  async #findLetters(): Promise<string[]> {
    const { id, apps, before } = this.#subject;
    const values = new SqlValues();
    const name = values.text(id);
    const where = `${appsSql(values, apps)} AND received_at < ${values.instant(before)}`;
    const found = new Set<string>();
    // What holds a backslash may spell it otherwise.
    const letters = this.#client.stream<{ id: string; payload: string }>(
      `SELECT toString(id) AS id, payload FROM dead_letters
       WHERE ${where} AND (position(payload, ${name}) > 0 OR position(payload, '\\\\') > 0)`,
      values.params,
      ASK,
    );
    for await (const rows of letters)
      for (const row of rows) if (personIds(row.payload).has(id)) found.add(row.id);
    const fixed = await this.#client.select<{ id: string; fix: string }>(
      `SELECT toString(id) AS id, fix FROM dead_letter_states
       WHERE fix != '' AND (position(fix, ${name}) > 0 OR position(fix, '\\\\') > 0)
         AND id IN (SELECT id FROM dead_letters WHERE ${where})`,
      values.params,
      ASK,
    );
    for (const row of fixed) if (holdsText(row.fix, id)) found.add(row.id);
    return [...found];
  }

  /** Those of views that are wholly gone, so that none is published a second time. */
  async #findDerived(): Promise<string[]> {
    const { id, apps, before } = this.#subject;
    const values = new SqlValues();
    const name = values.text(id);
    const rows = await this.#client.select<{ id: string }>(
      `SELECT DISTINCT toString(event_id) AS id FROM derived_events
       WHERE ${appsSql(values, apps)} AND JSONExtractString(payload, 'user_id') = ${name}
         AND (${VIEW}) NOT IN (
           SELECT ${VIEW} FROM events
           WHERE (user_id = ${name} OR anonymous_id = ${name}) AND received_at >= ${values.instant(before)} AND view_id != '')`,
      values.params,
      ASK,
    );
    return rows.map((row) => row.id);
  }

  async #deleteIds(table: string, column: string, ids: readonly string[]): Promise<void> {
    for (let from = 0; from < ids.length; from += IDS_PER_STATEMENT) {
      const list = ids.slice(from, from + IDS_PER_STATEMENT).map((id) => `'${id}'`);
      await this.#client.command(
        `ALTER TABLE ${table} DELETE WHERE ${column} IN (${list.join(', ')})`,
        {},
        { settings: SYNC, timeoutMs: LONG_MS },
      );
    }
  }

  /** Views of a time of which nothing but them is kept: their hours are counted anew from the views that stay. */
  async #removeOldViews(): Promise<number> {
    const { id, apps } = this.#subject;
    const values = new SqlValues();
    const where = `${appsSql(values, apps)} AND viewer = ${values.text(id)} AND (${VIEW}) NOT IN (SELECT ${VIEW} FROM view_buckets)
      AND (${VIEW}) NOT IN (SELECT ${VIEW} FROM split_views)`;
    const rows = await this.#client.select<{
      app_id: string;
      video_id: string;
      view_id: string;
      hour: number;
    }>(
      `SELECT DISTINCT ${VIEW}, toUnixTimestamp(toStartOfHour(started_at)) AS hour FROM views WHERE ${where}`,
      values.params,
      ASK,
    );
    if (rows.length === 0) return 0;
    const keys = rows.map(
      (row) => `(${quoted(row.app_id)}, ${quoted(row.video_id)}, ${quoted(row.view_id)})`,
    );
    const hours = [...new Set(rows.map((row) => `(${quoted(row.app_id)}, toDateTime(${row.hour}, 'UTC'))`))];
    for (const table of ['views', 'views_by_hour'])
      await this.#client.command(
        `ALTER TABLE ${table} DELETE WHERE (${VIEW}) IN (${keys.join(', ')})`,
        {},
        { settings: SYNC, timeoutMs: LONG_MS },
      );
    const split = this.#home === null ? null : new SplitSql(this.#home);
    const settings = { max_query_size: SYNC.max_query_size, max_partitions_per_insert_block: 0 };
    for (const statement of hourlySql(hours.join(', '), split))
      await this.#client.command(statement('now64(3)'), {}, { settings, timeoutMs: LONG_MS });
    return rows.length;
  }

  /** Days on which nothing of theirs is stored any more. */
  async #removeDays(): Promise<number> {
    const { id, apps } = this.#subject;
    const values = new SqlValues();
    const name = values.text(id);
    const days = await this.#client.select<{ app_id: string; day: number }>(
      `SELECT DISTINCT app_id, toUInt32(date) AS day FROM user_engagement_daily
       WHERE ${appsSql(values, apps)} AND user_id = ${name} AND (app_id, date) NOT IN (
         SELECT app_id, toDate(timestamp) FROM events WHERE user_id = ${name} OR anonymous_id = ${name})`,
      values.params,
      ASK,
    );
    if (days.length === 0) return 0;
    const list = days.map(({ app_id, day }) => `(${quoted(app_id)}, toDate(${day}))`);
    const { keys, hash } = await this.#hashed(name, values);
    await this.#client.command(
      `ALTER TABLE user_engagement_daily DELETE
       WHERE sipHash64Keyed(${keys}, user_id) = ${hash} AND (app_id, date) IN (${list.join(', ')})`,
      {},
      { settings: SYNC, timeoutMs: LONG_MS },
    );
    return days.length;
  }

  /** Sessions that were kept of theirs. What was being kept from raw as it was before is ended first. */
  async #removeSessions(): Promise<number> {
    const { id, apps } = this.#subject;
    const values = new SqlValues();
    const name = values.text(id);
    await this.#client.killQueries(KEEP_ID);
    const [found] = await this.#client.select<{ n: number }>(
      `SELECT count() AS n FROM kept_sessions WHERE ${appsSql(values, apps)} AND (user_id = ${name} OR anonymous_id = ${name})`,
      values.params,
      ASK,
    );
    if (found!.n === 0) return 0;
    const { keys, hash } = await this.#hashed(name, values);
    const whose = ['user_id', 'anonymous_id'].map((column) => `sipHash64Keyed(${keys}, ${column}) = ${hash}`);
    const where = apps === null ? '1' : `app_id IN (${['', ...apps].map(quoted).join(', ')})`;
    await this.#client.command(
      `ALTER TABLE kept_sessions DELETE WHERE (${whose.join(' OR ')}) AND ${where}`,
      {},
      { settings: SYNC, timeoutMs: LONG_MS },
    );
    return found!.n;
  }

  /** The server keeps the text of a mutation for a while: the name is not to stand there. */
  async #hashed(name: string, values: SqlValues): Promise<{ keys: string; hash: string }> {
    const key = randomBytes(16);
    const keys = `(${key.readBigUInt64LE(0)}, ${key.readBigUInt64LE(8)})`;
    const [row] = await this.#client.select<{ hash: string }>(
      `SELECT toString(sipHash64Keyed(${keys}, ${name})) AS hash`,
      values.params,
      ASK,
    );
    return { keys, hash: row!.hash };
  }
}

/** Whether a text of this JSON, however deep it lies, is this one. */
function holdsText(json: string, text: string): boolean {
  let found = false;
  try {
    JSON.parse(json, (_, value: unknown) => {
      if (value === text) found = true;
      return value;
    });
  } catch {
    return false;
  }
  return found;
}
