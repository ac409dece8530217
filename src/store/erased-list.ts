import { createHmac } from 'node:crypto';
import type { StoreClient } from './client.ts';

/**
 * Who was erased, as every writer of raw has to know it. Names are kept as keyed hashes only; the key is elsewhere, so
 * that this table alone tells nobody.
 */

export interface ErasedSubject {
  readonly erasureId: string;
  /** `digestSubject` of the name. */
  readonly digest: string;
  /** Null: every app. */
  readonly apps: readonly string[] | null;
  /** Epoch ms: what was received before is not to be stored. */
  readonly before: number;
  /** Epoch ms: so long it is remembered. */
  readonly keptUntil: number;
}

/** HMAC-SHA-256 in hex. */
export function digestSubject(key: Uint8Array, id: string): string {
  return createHmac('sha256', key).update(id).digest('hex');
}

/** Writes one down; twice is once. Rejects with StoreError. */
export async function noteErased(client: StoreClient, subject: ErasedSubject): Promise<void> {
  const { erasureId, digest, apps, before, keptUntil } = subject;
  await client.command(
    `INSERT INTO erased_subjects (erasure_id, digest, app_ids, received_before, kept_until)
     SELECT {erasureId:String}, {digest:String}, {apps:Array(String)}, fromUnixTimestamp64Milli({before:Int64}, 'UTC'),
       toDateTime({until:UInt32}, 'UTC')`,
    { erasureId, digest, apps: [...(apps ?? [])], before, until: Math.floor(keptUntil / 1000) },
  );
}

/** Forgets those whose time is over. Rejects with StoreError. */
export async function forgetErased(client: StoreClient): Promise<void> {
  await client.command(
    'ALTER TABLE erased_subjects DELETE WHERE kept_until <= now()',
    {},
    {
      settings: { mutations_sync: 1, allow_nondeterministic_mutations: 1 },
    },
  );
}

type Entry = Pick<ErasedSubject, 'apps' | 'before'>;

export class ErasedList {
  /** Epoch ms: of what was received then or later, nothing is to be left out. -Infinity: nobody was erased. */
  readonly latest: number;
  readonly #byDigest = new Map<string, Entry[]>();

  constructor(subjects: readonly Pick<ErasedSubject, 'digest' | 'apps' | 'before'>[]) {
    let latest = -Infinity;
    for (const { digest, apps, before } of subjects) {
      this.#byDigest.getOrInsertComputed(digest, () => []).push({ apps, before });
      latest = Math.max(latest, before);
    }
    this.latest = latest;
  }

  /** @param receivedAt epoch ms */
  has(digest: string, app: string, receivedAt: number): boolean {
    const entries = this.#byDigest.get(digest);
    if (entries === undefined) return false;
    return entries.some(({ apps, before }) => receivedAt < before && (apps === null || apps.includes(app)));
  }
}

/** Rejects with StoreError. */
export async function readErased(client: Pick<StoreClient, 'select'>): Promise<ErasedList> {
  const rows = await client.select<{ digest: string; app_ids: string[]; before: number }>(
    'SELECT digest, app_ids, toUnixTimestamp64Milli(received_before) AS before FROM erased_subjects WHERE kept_until > now()',
  );
  return new ErasedList(
    rows.map(({ digest, app_ids, before }) => ({
      digest,
      apps: app_ids.length === 0 ? null : app_ids,
      before,
    })),
  );
}
