import { appsSql, SqlValues } from '../sql/values.ts';
import type { StoreReader } from './buckets.ts';

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
}

export interface DeadLettersQuestion {
  /** Null: every app, and letters of which no app can be told. */
  readonly apps: readonly string[] | null;
  readonly reason: string | null;
  readonly after: { readonly receivedMs: number; readonly id: string } | null;
  readonly limit: number;
}

/** One page of dead letters, the newest first. Rejects with StoreError. */
export async function askDeadLetters(
  store: StoreReader,
  question: DeadLettersQuestion,
): Promise<DeadLetterRow[]> {
  const values = new SqlValues();
  const { after } = question;
  const where = [conditionSql(question, values)];
  if (after !== null) {
    const at = values.instant(after.receivedMs);
    where.push(`received_at <= ${at} AND (received_at, id) < (${at}, toUUID(${values.text(after.id)}))`);
  }
  return await store.select(
    `SELECT id, reason, detail, source_topic, source_partition, source_offset, source_index, source_path, app_id, event_id,
       payload, truncated, toUnixTimestamp64Milli(received_at) AS received_ms
     FROM dead_letters FINAL WHERE ${where.join(' AND ')}
     ORDER BY received_at DESC, id DESC LIMIT ${question.limit}`,
    values.params,
  );
}

export interface DeadLetterGroupRow {
  readonly reason: string;
  readonly count: number;
  /** Epoch ms. */
  readonly first_ms: number;
  readonly last_ms: number;
}

/** Dead letters by reason, the most frequent first. Rejects with StoreError. */
export async function askDeadLetterGroups(
  store: StoreReader,
  question: Pick<DeadLettersQuestion, 'apps' | 'reason'>,
): Promise<DeadLetterGroupRow[]> {
  const values = new SqlValues();
  return await store.select(
    `SELECT reason, count() AS count, toUnixTimestamp64Milli(min(received_at)) AS first_ms,
       toUnixTimestamp64Milli(max(received_at)) AS last_ms
     FROM dead_letters FINAL WHERE ${conditionSql(question, values)} GROUP BY reason ORDER BY count DESC, reason`,
    values.params,
  );
}

function conditionSql(question: Pick<DeadLettersQuestion, 'apps' | 'reason'>, values: SqlValues): string {
  const reason = question.reason === null ? '1' : `reason = ${values.text(question.reason)}`;
  return `${appsSql(values, question.apps)} AND ${reason}`;
}
