import { randomBytes } from 'node:crypto';
import { startAlerts } from '../alerts/alerts.ts';
import { createBuiltIns, ERROR_RATE, errorRate } from '../alerts/built-in.ts';
import { startIngestWindow } from '../alerts/ingest-window.ts';
import { askRule, type RuleStore } from '../alerts/rule-value.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { IngestCounts } from '../catalog/ingest-counts.ts';
import { type Config, signsWebhooks } from '../config.ts';
import type { Foundation, House } from '../house.ts';
import { HttpProblem } from '../http/problem.ts';
import { readLagMs } from '../pipeline-report.ts';
import type { AlertOptions } from '../query/alerts.ts';
import { ask } from '../query/store-problem.ts';
import type { IngestMetrics } from '../telemetry/metrics.ts';
import { isPublicAddress, literalAddress } from '../webhook/address.ts';
import { readSecrets } from '../webhook/signature.ts';

/** Composes the alerts: watched where questions are answered, of which every process tells that takes events. */

/** Longer than ClickHouse may take for one reading. */
const LEASE_MS = 60_000;
const GAP_MIN_MS = 60_000;
/** Rounds that may be left out before nobody knows how it was meanwhile. */
const GAP_ROUNDS = 4;
const TELL_EVERY_MAX_MS = 10_000;
const DELIVER_EVERY_MAX_MS = 2_000;
/** What a process told is of now for so long. */
const COUNTS_AGE_ROUNDS = 4;

const tellEveryMs = ({ alertEveryMs }: Config) => Math.min(alertEveryMs, TELL_EVERY_MAX_MS);

/** What the routes of `/v1/alerts` know of the settings. */
export function alertOptions(config: Config): AlertOptions {
  return {
    builtIns: createBuiltIns({
      errorRateMax: config.alertErrorRatePermille / 1000,
      errorWindowMs: config.alertErrorWindowSeconds * 1000,
      lagMaxMs: config.alertLagMs,
      forMs: config.alertForSeconds * 1000,
    }),
    webhookFault(url) {
      if (!signsWebhooks(config)) {
        return 'requests could not be signed. Set ANALYTICS_WEBHOOK_SECRET, or leave webhook_url out.';
      }
      const literal = literalAddress(url);
      if (config.webhookAllowPrivate || literal === null || isPublicAddress(literal)) return null;
      return `${literal} is a loopback, private or special address. ANALYTICS_WEBHOOK_ALLOW_PRIVATE=1 allows those.`;
    },
  };
}

export function openAlerts(house: House, catalog: Catalog, rules: RuleStore): void {
  const { config, metrics, logger, now, closers } = house;
  const { alerts } = metrics;
  const failed = (stage: string, error: unknown) => logger.warn({ err: error, stage }, `${stage}: failed`);
  alerts.watchFiring(async () => {
    const states = await catalog.alertWatch.states();
    return states.filter(({ state }) => state === 'firing').length;
  });
  const running = startAlerts({
    everyMs: config.alertEveryMs,
    deliverEveryMs: Math.min(config.alertEveryMs, DELIVER_EVERY_MAX_MS),
    watcher: {
      catalog,
      builtIns: alertOptions(config).builtIns,
      builtInUrls: config.alertWebhookUrls,
      holder: randomBytes(8).toString('hex'),
      leaseMs: Math.max(LEASE_MS, 2 * config.alertEveryMs),
      gapMaxMs: Math.max(GAP_MIN_MS, GAP_ROUNDS * config.alertEveryMs),
      async readBuiltIn({ name }) {
        if (name !== ERROR_RATE) return (await readLagMs(house)) / 1000;
        return errorRate(await ask(catalog.ingestCounts.sum(COUNTS_AGE_ROUNDS * tellEveryMs(config))));
      },
      readRule: (rule, at) => ask(askRule(rules, rule, at)),
      describeFailure: (error) =>
        error instanceof HttpProblem ? error.message : 'It failed; the log of the service says why.',
      observer: { failed, evaluated: (outcome) => alerts.evaluations.add(outcome, 1) },
      now,
    },
    courier: {
      notices: catalog.alertNotices,
      secrets: readSecrets(config.webhookSecret),
      timeoutMs: config.webhookTimeoutMs,
      inFlightMax: config.webhookInFlight,
      giveUpAfterMs: config.webhookGiveUpHours * 3_600_000,
      allowPrivate: config.webhookAllowPrivate,
      userAgent: `sluice/${house.version}`,
      observer: { failed, attempted: (outcome) => alerts.deliveries.add(outcome, 1) },
      random: Math.random,
      now,
    },
  });
  closers.add('alerts', () => running.stop());
}

/**
 * Only where somebody else can read it, or is here to: without PostgreSQL the catalogue of a process that only takes events
 * is nobody's.
 */
export function tellIngestCounts({ config, metrics, logger, catalog, closers }: Foundation): void {
  if (config.pgUrl === '' && !config.roleSet.has('query')) return;
  const telling = startIngestWindow({
    read: () => readCounts(metrics.ingest),
    windowMs: config.alertErrorWindowSeconds * 1000,
    everyMs: tellEveryMs(config),
    process: randomBytes(8).toString('hex'),
    catalog: () => catalog.open(),
    failed: (error) => logger.debug({ err: error }, 'what ingest took could not be told to the alerts'),
    now: () => performance.now(),
  });
  closers.add('ingest counts', () => telling.stop());
}

/** A credential that is none is no error of ingestion: anybody can send one. */
const UNCOUNTED: readonly string[] = ['401', '403'];

function readCounts({ accepted, rejected, answers }: IngestMetrics): IngestCounts {
  const refused = rejected.sum();
  return {
    events: accepted.total + refused,
    rejected: refused,
    requests: answers.sum((status) => !UNCOUNTED.includes(status)),
    failed: answers.sum((status) => status >= '400' && !UNCOUNTED.includes(status)),
  };
}
