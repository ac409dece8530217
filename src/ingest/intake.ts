/**
 * From bytes to durable events, whatever protocol brought them. In: one body of canonical events and what is known
 * of its sender. Out: how many are durable, and a verdict for each that is not.
 *
 * // 1. scan  2. append events and dead letters  3. tell; nothing is told before both appends resolved.
 * After a deadline or an error some may be durable all the same; the client's retry carries the same ids, and the
 * pipeline drops what is there already.
 */

import type { DntMode } from '../event/do-not-track.ts';
import { formatUuid } from '../event/kernel/uuid.ts';
import type { EventVerdict, Kernel, Scan, ScanOptions } from '../event/kernel.ts';
import { HttpProblem } from '../http/problem.ts';
import { LogUnavailableError, RecordTooLargeError, type Topic } from '../log/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import { type Heard, heedDnt } from './do-not-track.ts';
import { createIdempotentIds, createIdMaker } from './ids.ts';
import { createAppGuard } from './own-apps.ts';
import { createDeadLetters } from './quarantine.ts';
import { createFilteredRecord, createRecords, type RecordOutline } from './split.ts';

export interface IntakeLimits {
  /** How long a client waits for durability before it is told to retry. */
  readonly ackTimeoutMs: number;
  /** Events older than this are refused: the retention. */
  readonly ageMaxMs: number;
  /** Events further ahead than this are refused. */
  readonly aheadMaxMs: number;
}

export interface IntakeOptions {
  readonly kernel: Pick<Kernel, 'scanner' | 'createBlockBuilder'>;
  readonly topic: Topic;
  readonly deadLetters: Topic;
  readonly limits: IntakeLimits;
  readonly metrics: Metrics;
  /** What becomes of the events of people who asked not to be tracked. Default: they are taken like all others. */
  readonly dnt?: DntMode;
  /** Appends become spans, named in the records. Default null. */
  readonly tracing?: Tracing | null;
  /** Epoch ms. */
  readonly now: () => number;
}

export interface Origin {
  /** Of events that name none. */
  readonly app: string;
  /** Events of other apps are refused; null: all may come. */
  readonly apps: readonly string[] | null;
  /** The path or protocol, for the record's `source` and the dead letters' `dlq.path`. */
  readonly source: string;
  readonly userAgent: string;
  /** ISO 3166-1 alpha-2, or ''. */
  readonly country: string;
  /** Epoch ms, when the protocol says when the request was sent. */
  readonly sentAt: number | null;
  readonly mode: ScanOptions['mode'];
  readonly defaultName: string | null;
  readonly eventsMax: number;
  readonly idempotencyKey: string | null;
  /** The request says that its sender is not to be tracked. */
  readonly notToBeTracked: boolean;
}

export interface Taken {
  /** Durable now. 0: all were refused, and nothing of them was written. */
  readonly accepted: number;
  /** Left out because their sender is not to be tracked; they are among the verdicts. */
  readonly filtered: number;
  readonly verdicts: readonly EventVerdict[];
  /** The id of the first accepted event. */
  readonly firstId: string | null;
}

export interface Intake {
  /**
   * `onSettled` is called once, when the log holds none of the bytes any more: possibly after the promise settled,
   * since an append goes on when its deadline is over.
   * @throws HttpProblem `invalid_json`, `invalid_utf8`, `empty_batch`, `too_many_events`, `log_unavailable`, `body_too_large`
   */
  take(body: Uint8Array, origin: Origin, onSettled: () => void): Promise<Taken>;
}

export function createIntake(options: IntakeOptions): Intake {
  const { kernel, topic, deadLetters, limits, metrics, now, dnt = 'off', tracing = null } = options;
  const freshIds = createIdMaker(now);
  const guardApps = createAppGuard(kernel);
  let turn = 0;
  let filterTurn = 0;

  function scanBody(body: Uint8Array, origin: Origin, receivedAt: number): Heard {
    const ids =
      origin.idempotencyKey === null ? freshIds : createIdempotentIds(origin.app, origin.idempotencyKey);
    const options: ScanOptions = {
      receivedAt,
      mode: origin.mode,
      defaultName: origin.defaultName,
      maxEvents: origin.eventsMax,
      oldestAllowed: receivedAt - limits.ageMaxMs,
      newestAllowed: receivedAt + limits.aheadMaxMs,
      nextIds: ids.next,
      sentAt: origin.sentAt,
    };
    const scan = kernel.scanner.scan(body, options);
    const own = origin.apps === null ? scan : guardApps(scan, receivedAt, origin.app, origin.apps);
    return heedDnt(own, dnt, origin.notToBeTracked, origin.app, (lines) =>
      kernel.scanner.scan(lines, { ...options, mode: 'ndjson', sentAt: scan.sentAt }),
    );
  }

  function append(
    { scan, filtered }: Heard,
    origin: Origin,
    receivedAt: number,
    traceparent: string | null,
  ): Promise<unknown> {
    const outline: RecordOutline = { ...origin, receivedAt, traceparent };
    const { partitions } = topic;
    const records = scan.accepted === 0 ? [] : createRecords(scan, partitions, outline);
    for (const [app, count] of filtered) {
      filterTurn = (filterTurn + 1) % partitions;
      records.push(createFilteredRecord(count, filterTurn, partitions, { ...outline, app }));
    }
    // As ever, where none is taken nothing is kept of the bad ones either.
    const bad = scan.accepted === 0 ? [] : scan.verdicts.filter(({ code }) => code !== 'do_not_track');
    if (bad.length === 0) return topic.append(records);
    turn = (turn + 1) % deadLetters.partitions;
    const identity = origin.idempotencyKey ?? formatUuid(freshIds.next(1));
    const letters = createDeadLetters(bad, { ...outline, sentAt: scan.sentAt }, identity, turn);
    return Promise.all([topic.append(records), deadLetters.append(letters)]);
  }

  /** In a span that goes along in the records, so that whoever reads them can tell what they came from. */
  async function appendTraced(heard: Heard, origin: Origin, receivedAt: number, traced: Tracing) {
    const span = traced.start({
      name: `send ${topic.name}`,
      kind: 'producer',
      attributes: {
        'messaging.operation.type': 'send',
        'messaging.destination.name': topic.name,
        'sluice.events': heard.scan.accepted,
      },
    });
    try {
      return await append(heard, origin, receivedAt, span.traceparent);
    } catch (error) {
      span.failed(error);
      throw error;
    } finally {
      span.end();
    }
  }

  return {
    async take(body, origin, onSettled) {
      let appending: Promise<unknown> | null = null;
      try {
        const receivedAt = Math.floor(now());
        const heard = scanBody(body, origin, receivedAt);
        const { scan } = heard;
        const filtered = heard.filtered.values().reduce((sum, count) => sum + count, 0);
        if (scan.error !== null) throw scanProblem(scan.error, origin.eventsMax);
        const { accepted, verdicts, firstIds } = scan;
        if (accepted + filtered > 0) {
          const startedAt = performance.now();
          appending =
            tracing === null
              ? append(heard, origin, receivedAt, null)
              : appendTraced(heard, origin, receivedAt, tracing);
          await withDeadline(appending, limits.ackTimeoutMs);
          metrics.log.appendSeconds.observe((performance.now() - startedAt) / 1000);
          metrics.ingest.accepted.add(accepted);
          const bad = accepted === 0 ? [] : verdicts.filter(({ code }) => code !== 'do_not_track');
          for (const verdict of bad) metrics.pipeline.deadLetters.add(verdict.code, 1);
        }
        for (const verdict of verdicts) metrics.ingest.rejected.add(verdict.code, 1);
        return { accepted, filtered, verdicts, firstId: firstIds[0] ?? null };
      } catch (error) {
        throw problemOf(error);
      } finally {
        if (appending === null) onSettled();
        else appending.then(onSettled, onSettled);
      }
    },
  };
}

function scanProblem(error: NonNullable<Scan['error']>, eventsMax: number): HttpProblem {
  const extra = error.code === 'too_many_events' ? { limit_events: eventsMax } : { position: error.position };
  return new HttpProblem(error.code, error.detail, { extra });
}

/** What a failed append is to the sender. */
export function problemOf(cause: unknown): unknown {
  if (cause instanceof RecordTooLargeError) {
    const detail = `The log takes no record of that size: send fewer events in a request. For whoever runs the service: ${cause.message}`;
    return new HttpProblem('body_too_large', detail, { cause });
  }
  if (!(cause instanceof LogUnavailableError)) return cause;
  return new HttpProblem('log_unavailable', 'The log cannot take events now; nothing was promised.', {
    cause,
    retryAfterMs: cause.retryAfterMs,
  });
}

/** Rejects with LogUnavailableError when the time is over; the work goes on. */
export function withDeadline(work: Promise<unknown>, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new LogUnavailableError(`not durable within ${timeoutMs} ms`, 1000));
    }, timeoutMs);
    work.then(
      () => {
        clearTimeout(timer);
        resolve();
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
