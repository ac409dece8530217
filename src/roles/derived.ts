import { startDerived } from '../derived/derived.ts';
import { startWebhooks } from '../derived/webhooks.ts';
import type { House } from '../house.ts';

/** What is derived from stored events, and those who are told of it. */
export async function openDerived(house: House): Promise<void> {
  const { config, log, store, facts, metrics, now, closers } = house;
  if (config.derivedAgeMaxHours === 0) return;
  const failed = (stage: string, error: unknown) => facts.failed(stage, error);
  // First, so that none of what is published is before their time.
  const webhooks = await startWebhooks({
    log,
    topic: house.derivedTopic,
    deadLetterTopic: house.deadLetterTopic,
    group: config.groupId,
    urls: config.webhookUrls,
    secret: config.webhookSecret,
    timeoutMs: config.webhookTimeoutMs,
    inFlightMax: config.webhookInFlight,
    giveUpAfterMs: config.webhookGiveUpHours * 3_600_000,
    allowPrivate: config.webhookAllowPrivate,
    version: house.version,
    observer: {
      failed,
      attempted(webhook, outcome, seconds) {
        metrics.derived.deliveries.inc({ webhook, outcome });
        if (outcome !== 'given_up') metrics.derived.deliverySeconds.observe({ webhook }, seconds);
      },
      lag: (webhook, records) => metrics.derived.webhookLag.set({ webhook }, records),
    },
    now,
  });
  closers.add('webhooks', () => webhooks.stop());
  const derived = await startDerived({
    log,
    client: store.client,
    topic: house.derivedTopic,
    sources: config.sources.map(({ topic }) => topic),
    group: config.groupId,
    gapLimitMs: config.gapLimitMs,
    erasureKey: async () => await (await house.catalog.open()).erasures.key(),
    limits: {
      everyMs: config.derivedEveryMs,
      silenceMs: config.derivedSilenceMs,
      ageMaxMs: config.derivedAgeMaxHours * 3_600_000,
    },
    observer: {
      failed,
      published: (name, count) => metrics.derived.published.add(name, count),
      waiting: (records) => metrics.derived.lag.set(records),
    },
    now,
  });
  closers.add('derived events', () => derived.stop());
}
