import { appsSql, SqlValues } from '../sql/values.ts';
import type { StoreReader } from './buckets.ts';

export interface StoreFacts {
  readonly version: string;
  /** Rows of `events`, and bytes on disk of all tables; null for some apps, whose share only a scan could tell. */
  readonly rows: number | null;
  readonly bytes: number | null;
  /** Buckets with rows that the recomputed tables do not know yet. */
  readonly dirty: number;
  /** Epoch ms of the last recompute; null before the first. */
  readonly refreshed_ms: number | null;
}

/** What the pipeline page says of the database, to those who may see these apps; null: all. Rejects with StoreError. */
export async function askStoreFacts(store: StoreReader, apps: readonly string[] | null): Promise<StoreFacts> {
  const values = new SqlValues();
  const sizes =
    apps === null
      ? "SELECT sumIf(rows, table = 'events') AS rows, sum(bytes_on_disk) AS bytes FROM store_parts"
      : 'SELECT NULL AS rows, NULL AS bytes';
  const [facts] = await store.select<StoreFacts>(
    `
SELECT version() AS version, rows, bytes, dirty, if(refreshed = 0, NULL, refreshed) AS refreshed_ms
FROM
(
  ${sizes}
) AS parts,
(
  SELECT countIf(lease >= clean) AS dirty, max(toUnixTimestamp64Milli(clean)) AS refreshed
  FROM
  (
    SELECT max(lease_until) AS lease, max(as_of) AS clean FROM bucket_state WHERE ${appsSql(values, apps)}
    GROUP BY app_id, bucket, shardNum()
  )
) AS buckets`,
    values.params,
  );
  return facts!;
}

/** Apps that ever announced an event, by id. A mark is there before the first row of its bucket. */
export async function askApps(store: StoreReader): Promise<string[]> {
  const rows = await store.select<{ app_id: string }>(
    'SELECT DISTINCT app_id FROM bucket_state ORDER BY app_id',
  );
  return rows.map((row) => row.app_id);
}
