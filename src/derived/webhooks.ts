import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { derivedEventId, formatUuid } from '../event/kernel/uuid.ts';
import type { Assignment, Header, Log, LogRecord, Membership, NewRecord } from '../log/log.ts';
import { openReceiver, type Receiver } from '../webhook/receiver.ts';
import { readSecrets } from '../webhook/signature.ts';
import { DERIVED_PARTITION, type DerivedEvent } from './event.ts';
import { deliverForever, type WebhookObserver } from './webhook.ts';

/** Every receiver, each with a group of its own on the derived topic. */

export interface WebhooksOptions {
  readonly log: Log;
  readonly topic: string;
  readonly deadLetterTopic: string;
  readonly group: string;
  readonly urls: readonly string[];
  readonly secret: string;
  readonly timeoutMs: number;
  readonly inFlightMax: number;
  readonly giveUpAfterMs: number;
  readonly allowPrivate: boolean;
  readonly version: string;
  readonly observer: WebhookObserver;
  readonly now: () => number;
  /** See WebhookOptions; for tests. */
  readonly backOffMs?: number;
}

/** Resolves when all groups are joined: what is published from then on is delivered. */
export async function startWebhooks(options: WebhooksOptions): Promise<Membership> {
  const { log, urls } = options;
  const topic = log.topic(options.topic);
  const deadLetters = log.topic(options.deadLetterTopic);
  const receivers: Receiver[] = [];
  const memberships: Membership[] = [];
  for (const url of urls) {
    const receiver = openReceiver({
      url: new URL(url),
      secrets: readSecrets(options.secret),
      timeoutMs: options.timeoutMs,
      allowPrivate: options.allowPrivate,
      inFlightMax: options.inFlightMax,
      userAgent: `sluice/${options.version}`,
      now: options.now,
    });
    receivers.push(receiver);
    memberships.push(
      await topic.join(webhookGroup(options.group, url), async (assignment) => {
        const { signal } = assignment;
        if (assignment.partition === DERIVED_PARTITION)
          await deliverForever(assignment, await fromNowOn(assignment), {
            ...options,
            receiver,
            random: Math.random,
            bury: (record, event, detail) =>
              deadLetters.append([createLetter(record, event, { url, topic: topic.name, detail })]),
          });
        else if (!signal.aborted) await once(signal, 'abort');
      }),
    );
  }
  return {
    async stop() {
      await Promise.all(memberships.map((membership) => membership.stop()));
      for (const receiver of receivers) receiver.close();
    },
  };
}

/** A receiver keeps its place as long as its URL stays the same. */
export function webhookGroup(group: string, url: string): string {
  return `${group}-webhook-${createHash('sha256').update(url).digest('hex').slice(0, 16)}`;
}

const BEGUN = 'begun';

/** Where to begin: a receiver that was never told anything hears what comes from now on, not what is kept of the past. */
async function fromNowOn(assignment: Assignment): Promise<number> {
  const { offset, metadata } = assignment.committed;
  if (offset > 0 || metadata !== '') return offset;
  const end = assignment.endOffset();
  await assignment.commit(end, BEGUN);
  return end;
}

/** What no attempt could deliver, under the same id should it be written again. */
function createLetter(
  record: LogRecord,
  event: DerivedEvent,
  { url, topic, detail }: { readonly url: string; readonly topic: string; readonly detail: string },
): NewRecord {
  const headers: Header[] = [
    ['dlq.id', formatUuid(derivedEventId('webhook', url, event.event_id))],
    ['dlq.reason', 'webhook_failed'],
    ['dlq.detail', detail],
    ['dlq.topic', topic],
    ['dlq.partition', String(record.partition)],
    ['dlq.offset', String(record.offset)],
    ['dlq.index', '0'],
    ['dlq.received_at', String(record.timestamp)],
    ['dlq.app', event.app_id],
    ['dlq.truncated', 'false'],
  ];
  return { partition: 0, key: record.key, headers, value: record.value, timestamp: Date.now() };
}
