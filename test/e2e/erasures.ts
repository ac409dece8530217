/** Asks for an erasure, and looks whether everything that is counted is what is stored. */
import assert from 'node:assert/strict';
import type { StoreClient } from '../../src/store/client.ts';
import { until, verifyAnswers, verifyLedger, verifyRecount } from '../faults/verify.ts';

export interface ErasureAnswer {
  readonly erasure_id: string;
  readonly state: string;
  readonly requested_at: string;
  readonly before: Record<string, number> | null;
  readonly after: Record<string, number> | null;
  readonly removed_events: number;
  readonly recomputed: {
    readonly days: readonly { app_id: string; day: string }[];
    readonly pending_buckets: number;
  };
  readonly log_erased_by: string | null;
}

export const ERASURE_ENV = {
  ANALYTICS_LOG_PARTITIONS: '3',
  ANALYTICS_ENGAGEMENT_EVERY_MS: '0',
  ANALYTICS_INSERT_LEASE_MS: '1000',
};
export const NOTHING = { events: 0, sessions: 0, views: 0, dead_letters: 0, derived_events: 0 };
export async function erase(url: string, id: string, query = ''): Promise<ErasureAnswer> {
  const answer = await fetch(`${url}/v1/subjects/${encodeURIComponent(id)}${query}`, { method: 'DELETE' });
  const body = (await answer.json()) as ErasureAnswer;
  assert.ok(answer.status === 200 || answer.status === 202, JSON.stringify(body));
  return await finished(url, body.erasure_id);
}

export async function finished(url: string, id: string): Promise<ErasureAnswer> {
  let state: ErasureAnswer | null = null;
  await until('the erasure is done', async () => {
    state = (await (await fetch(`${url}/v1/subjects/erasures/${id}`)).json()) as ErasureAnswer;
    return state.state === 'done';
  });
  return state!;
}

export async function verifyBooks(url: string, client: StoreClient): Promise<void> {
  await until('the ledger has caught up', async () => {
    await verifyLedger(client);
    return true;
  });
  await verifyRecount(client);
  await verifyAnswers(url, client);
}
