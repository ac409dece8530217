import { appsSql, SqlValues } from '../sql/values.ts';
import type { StoreReader } from './buckets.ts';

export type LetterState = 'open' | 'replayed' | 'discarded';

export interface DeadLetterRow {
  readonly id: string;
  readonly reason: string;
  readonly detail: string;
  readonly source_topic: string;
  readonly source_partition: number;
  readonly source_offset: number;
  readonly source_index: number;
  readonly source_path: string;
  readonly app_id: string;
  readonly event_id: string;
  readonly payload: string;
  readonly truncated: boolean;
  /** Epoch ms. */
  readonly received_ms: number;
  /** Epoch ms; -1 when nobody said. */
  readonly sent_ms: number;
  readonly user_agent: string;
  readonly country: string;
  readonly state: LetterState;
}

/** A place in the list of letters. */
export interface LetterPlace {
  /** Epoch ms. */
  readonly receivedMs: number;
  readonly id: string;
}

export interface LetterFilter {
  /** Null: every app, and letters of which no app can be told. */
  readonly apps: readonly string[] | null;
  readonly reason: string | null;
  readonly state: LetterState | null;
}

export interface DeadLettersQuestion extends LetterFilter {
  readonly after: LetterPlace | null;
  readonly limit: number;
}

const COLUMNS = `id, reason, detail, source_topic, source_partition, source_offset, source_index, source_path, app_id, event_id,
       payload, truncated, toUnixTimestamp64Milli(received_at) AS received_ms, sent_at AS sent_ms, user_agent, country`;

/** Of two decisions in one millisecond the replay counts: `replayed` comes after `discarded` in the alphabet. */
const LATEST_STATE = 'argMax(state, (changed_at, state))';

/** One page of dead letters, the newest first. Rejects with StoreError. */
export async function askDeadLetters(
  store: StoreReader,
  question: DeadLettersQuestion,
): Promise<DeadLetterRow[]> {
  const values = new SqlValues();
  const { after } = question;
  const where = [filterSql(question, values)];
  if (after !== null) {
    const at = values.instant(after.receivedMs);
    where.push(`received_at <= ${at} AND (received_at, id) < (${at}, toUUID(${values.text(after.id)}))`);
  }
  const rows = await store.select<Omit<DeadLetterRow, 'state'>>(
    `SELECT ${COLUMNS} FROM dead_letters FINAL WHERE ${where.join(' AND ')}
     ORDER BY received_at DESC, id DESC LIMIT ${question.limit}`,
    values.params,
  );
  return await withStates(store, rows);
}

/** What a replay or a discard is about. */
export interface LetterSelection extends Omit<LetterFilter, 'state'> {
  /** Null: all open ones with the reason. */
  readonly ids: readonly string[] | null;
  readonly after: LetterPlace | null;
  readonly limit: number;
}

export interface LetterSize extends LetterPlace {
  readonly bytes: number;
}

/** Which letters are selected, in the order of their receipt, without their payloads. Rejects with StoreError. */
export async function askLetterSizes(store: StoreReader, selection: LetterSelection): Promise<LetterSize[]> {
  const values = new SqlValues();
  const { ids, after } = selection;
  const where = [filterSql({ ...selection, state: ids === null ? 'open' : null }, values)];
  if (ids !== null) where.push(idsSql(ids, values));
  if (after !== null) {
    const at = values.instant(after.receivedMs);
    where.push(`received_at >= ${at} AND (received_at, id) > (${at}, toUUID(${values.text(after.id)}))`);
  }
  return await store.select(
    `SELECT id, toUnixTimestamp64Milli(received_at) AS receivedMs, length(payload) AS bytes
     FROM dead_letters FINAL WHERE ${where.join(' AND ')} ORDER BY received_at, id LIMIT ${selection.limit}`,
    values.params,
  );
}

/** The letters with these ids, as far as the apps go, in the order of their receipt. Rejects with StoreError. */
export async function askLettersById(
  store: StoreReader,
  question: { readonly apps: readonly string[] | null; readonly ids: readonly string[] },
): Promise<DeadLetterRow[]> {
  if (question.ids.length === 0) return [];
  const values = new SqlValues();
  const rows = await store.select<Omit<DeadLetterRow, 'state'>>(
    `SELECT ${COLUMNS} FROM dead_letters FINAL
     WHERE ${appsSql(values, question.apps)} AND ${idsSql(question.ids, values)} ORDER BY received_at, id`,
    values.params,
  );
  return await withStates(store, rows);
}

export interface LetterChange {
  readonly id: string;
  readonly state: Exclude<LetterState, 'open'>;
  readonly event_id: string;
  /** JSON text; '' without one. */
  readonly fix: string;
  readonly changed_by: string;
  /** Epoch ms. */
  readonly changed_ms: number;
}

/** What was decided on these letters, the oldest decision first. Rejects with StoreError. */
export async function askLetterChanges(store: StoreReader, ids: readonly string[]): Promise<LetterChange[]> {
  const values = new SqlValues();
  return await store.select(
    `SELECT id, state, event_id, fix, changed_by, toUnixTimestamp64Milli(changed_at) AS changed_ms
     FROM dead_letter_states FINAL WHERE ${idsSql(ids, values)} ORDER BY changed_at, state`,
    values.params,
  );
}

async function withStates(
  store: StoreReader,
  rows: readonly Omit<DeadLetterRow, 'state'>[],
): Promise<DeadLetterRow[]> {
  if (rows.length === 0) return [];
  const values = new SqlValues();
  const ids = idsSql(
    rows.map((row) => row.id),
    values,
  );
  const found = await store.select<{ id: string; latest: LetterState }>(
    `SELECT id, ${LATEST_STATE} AS latest FROM dead_letter_states WHERE ${ids} GROUP BY id`,
    values.params,
  );
  const states = new Map(found.map(({ id, latest }) => [id, latest]));
  return rows.map((row) => ({ ...row, state: states.get(row.id) ?? 'open' }));
}

export interface DeadLetterGroupRow {
  readonly reason: string;
  readonly count: number;
  readonly replayed: number;
  readonly discarded: number;
  /** Epoch ms. */
  readonly first_ms: number;
  readonly last_ms: number;
}

/** Dead letters by reason, the most frequent first. Rejects with StoreError. */
export async function askDeadLetterGroups(
  store: StoreReader,
  question: LetterFilter,
): Promise<DeadLetterGroupRow[]> {
  const values = new SqlValues();
  return await store.select(
    `SELECT reason, count() AS count, countIf(latest = 'replayed') AS replayed, countIf(latest = 'discarded') AS discarded,
       toUnixTimestamp64Milli(min(received_at)) AS first_ms, toUnixTimestamp64Milli(max(received_at)) AS last_ms
     FROM (SELECT id, reason, received_at FROM dead_letters FINAL WHERE ${filterSql(question, values)}) AS letters
     GLOBAL ANY LEFT JOIN (SELECT id, ${LATEST_STATE} AS latest FROM dead_letter_states GROUP BY id) AS states
       ON letters.id = states.id
     GROUP BY reason ORDER BY count DESC, reason`,
    values.params,
  );
}

export interface StoredEventId {
  readonly app_id: string;
  readonly event_id: string;
  /** Decimal text. */
  readonly payload_hash: string;
}

/** Which of these ids are stored, of these apps, at whatever time. Rejects with StoreError. */
export async function askStoredIds(
  store: StoreReader,
  question: { readonly apps: readonly string[]; readonly ids: readonly string[] },
): Promise<StoredEventId[]> {
  if (question.ids.length === 0) return [];
  const values = new SqlValues();
  return await store.select(
    `SELECT app_id, event_id, toString(payload_hash) AS payload_hash FROM events
     WHERE ${appsSql(values, question.apps)} AND event_id IN ${values.add('Array(UUID)', [...question.ids])}`,
    values.params,
  );
}

function idsSql(ids: readonly string[], values: SqlValues): string {
  return `id IN ${values.add('Array(UUID)', [...ids])}`;
}

function filterSql({ apps, reason, state }: LetterFilter, values: SqlValues): string {
  const where = [appsSql(values, apps)];
  if (reason !== null) where.push(`reason = ${values.text(reason)}`);
  // Every decision closes a letter, and none opens one again. GLOBAL, for tables that lie on several servers.
  if (state === 'open') where.push('id GLOBAL NOT IN (SELECT id FROM dead_letter_states)');
  else if (state !== null) {
    const latest = values.text(state);
    where.push(
      `id GLOBAL IN (SELECT id FROM dead_letter_states GROUP BY id HAVING ${LATEST_STATE} = ${latest})`,
    );
  }
  return where.join(' AND ');
}
