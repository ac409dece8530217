/** Deliveries of the oracle's histories on the pipeline's own road, up to what it publishes and stores. */

import { openReferenceKernel } from '../../src/event/kernel/reference.ts';
import type { BlockBuilder } from '../../src/event/kernel.ts';
import type { PublishedBatch } from '../../src/live/published.ts';
import { Batch } from '../../src/pipeline/batch.ts';
import { createBlock } from '../../src/pipeline/block.ts';
import { DedupeWindow } from '../../src/pipeline/dedupe-window.ts';
import { EVENT_COLUMN_NAMES, encodeBlock } from '../../src/pipeline/encode.ts';
import { SessionMemory } from '../../src/pipeline/steps/sessions.ts';
import { createSteps, runSteps } from '../../src/pipeline/steps.ts';
import { PlanBook } from '../../src/plans/book.ts';
import type { StoreClient } from '../../src/store/client.ts';
import type { Delivery } from '../oracle/oracle.ts';

const YEAR_MS = 365 * 24 * 60 * 60_000;

export interface Road {
  /** The deliveries as one batch of one record each. */
  batch(deliveries: readonly Delivery[]): PublishedBatch;
  /** Writes a batch to `events`. */
  store(batch: PublishedBatch, client: StoreClient): Promise<void>;
}

/** One partition. What it remembers of ids and sessions goes back for a year, so nothing has to be looked up. */
export function createRoad(partition = 0): Road {
  const source = { topic: 'analytics.v1', partition };
  const builder: BlockBuilder = openReferenceKernel().createBlockBuilder();
  const dedupe = new DedupeWindow({ windowMs: 10 * YEAR_MS, entriesMax: 1_000_000, filterBytesMax: 0 }, 0);
  const sessions = new SessionMemory(0, { turnMs: 10 * YEAR_MS, actorsMax: 1_000_000 });
  const steps = createSteps(sessions);
  let offset = 0;
  let block: ReturnType<typeof createBlock>;
  return {
    batch(deliveries) {
      const batch = new Batch(source, builder);
      for (const { event, receivedAt, app } of deliveries) {
        const record = {
          partition,
          offset: offset++,
          timestamp: receivedAt,
          key: null,
          value: Buffer.from(JSON.stringify(event)),
          headers: [
            ['received_at', String(receivedAt)],
            ['app', app],
          ],
        };
        const foreign = {
          ageMaxMs: YEAR_MS,
          aheadMaxMs: YEAR_MS,
          now: () => receivedAt,
          dnt: 'off',
        } as const;
        const context = { dedupe, defaultApp: 'default', foreign, present: new Map(), plans: new PlanBook() };
        batch.take(record as unknown as Parameters<Batch['take']>[0], context);
      }
      block = createBlock(batch);
      runSteps(steps, block, { step() {} });
      return { source, builder, spans: batch.spans, isBot: block.isBot };
    },
    async store(batch, client) {
      if (batch.builder.rows === 0) return;
      const chunks = encodeBlock(block, Date.now() + 60_000);
      const queryId = `test-insert-${partition}-${Math.random()}`;
      await client.insertNative('events', EVENT_COLUMN_NAMES, chunks, { queryId, timeoutMs: 10_000 });
    },
  };
}
