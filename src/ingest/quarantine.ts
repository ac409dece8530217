/** Events that were refused beside accepted ones, as dead letters: their own bytes, and why. */

import { formatUuid } from '../event/kernel/uuid.ts';
import type { EventVerdict } from '../event/kernel.ts';
import type { Header, NewRecord } from '../log/log.ts';
import { idFromParts } from './ids.ts';
import type { RecordOutline } from './split.ts';

const valueBytesMax = 1_048_576;

/**
 * @param identity the idempotency key of the request, so that its retry writes the same ids; else its unique id
 * @param partition all dead letters of a request go into one
 */
export function createDeadLetters(
  verdicts: readonly EventVerdict[],
  outline: RecordOutline & { readonly sentAt: number | null },
  identity: string,
  partition: number,
): NewRecord[] {
  return verdicts.map((verdict) => {
    const truncated = verdict.raw.length > valueBytesMax;
    const headers: Header[] = [
      ['dlq.id', formatUuid(idFromParts(['dlq', outline.app, identity, String(verdict.index)]))],
      ['dlq.reason', verdict.code],
      ['dlq.detail', verdict.detail],
      ['dlq.path', outline.source],
      ['dlq.received_at', String(outline.receivedAt)],
      ['dlq.index', String(verdict.index)],
      ['dlq.truncated', String(truncated)],
      ['dlq.app', outline.app],
    ];
    // What a replay cannot tell from the event itself.
    if (outline.sentAt !== null) headers.push(['dlq.sent_at', String(Math.round(outline.sentAt))]);
    if (outline.userAgent !== '') headers.push(['dlq.ua', outline.userAgent]);
    if (outline.country !== '') headers.push(['dlq.country', outline.country]);
    const value = truncated ? verdict.raw.slice(0, valueBytesMax) : verdict.raw;
    return { partition, key: null, headers, value, timestamp: outline.receivedAt };
  });
}
