import { formatUuid, readEventId } from '../event/kernel/uuid.ts';
import type { BlockBuilder, Kernel, Scan } from '../event/kernel.ts';
import { findValue, isDocument, writeDocument } from './document.ts';
import { applyFix, type Fix, readEvent, replacesAll } from './fix.ts';

/**
 * What would become of a dead letter if it were sent again: the event after the fix, and the verdict of the very kernel
 * that ingest uses. Nothing is written here.
 *
 * An event that names no id gets the one it would have had without the mishap, made of its place in the log; one that
 * came over HTTP never had one, and gets that of its letter. Both are the same at every attempt, so that twice is once.
 */

/** A letter as it lies in the table. */
export interface Letter {
  /** UUID text. Of what the pipeline refused it is that of the place in the log (pipeline/dead-letter.ts). */
  readonly id: string;
  readonly reason: string;
  readonly payload: string;
  readonly truncated: boolean;
  /** The app of an event that names none; '' when that is not known either. */
  readonly app: string;
  /** Epoch ms. */
  readonly receivedAt: number;
  /** Epoch ms at which the request says it was sent; null when unknown. */
  readonly sentAt: number | null;
}

/** What it takes to send a letter's event into the log again. */
export interface ResentEvent extends Pick<Letter, 'app' | 'receivedAt' | 'sentAt'> {
  /** UUID text of the letter. */
  readonly letterId: string;
  /** With its line feed. */
  readonly line: Uint8Array;
  readonly keyHash: number;
  readonly userAgent: string;
  readonly country: string;
  /** The path it came in on; '' when it came through the log. */
  readonly path: string;
}

/** Rejects when they are not known to be durable; then none, some or all of them are in the log. */
export type Resend = (events: readonly ResentEvent[]) => Promise<void>;

export interface JudgeOptions {
  readonly kernel: Kernel;
  /** The app of events of which nobody told any. */
  readonly defaultApp: string;
  /** Older events are refused: the retention, counted from now. */
  readonly ageMaxMs: number;
  /** Events further ahead of their receipt are refused. */
  readonly aheadMaxMs: number;
}

export interface GoodEvent {
  readonly accepted: true;
  /** UUID text. */
  readonly eventId: string;
  readonly app: string;
  /** The event after the fix, as text; what goes into the log but for an id that was missing. */
  readonly payload: string;
  /** The event as it would be stored: canonical names, as JSON text. */
  readonly event: string;
  /** The line for the log, a copy. */
  readonly line: Uint8Array;
  readonly keyHash: number;
  /** Decimal text of what the table of events calls payload_hash. */
  readonly payloadHash: string;
}

export interface RefusedEvent {
  readonly accepted: false;
  /** A refusal of the kernel's, or `truncated`, `several_events`, `fix_failed`. */
  readonly code: string;
  readonly detail: string;
  /** The event after the fix; null when it did not get that far. */
  readonly payload: string | null;
}

export type Judgement = GoodEvent | RefusedEvent;

export interface Judge {
  /** `now`: epoch ms. */
  judge(letter: Letter, fix: Fix, now: number): Judgement;
}

const BUILDER_ROWS = 8;
const BUILDER_BYTES = 256 * 1024;

export function createJudge(options: JudgeOptions): Judge {
  const { kernel } = options;
  let builder: BlockBuilder | null = null;

  function judgeEvent(letter: Letter, payload: string, now: number): Judgement {
    const scan = scanOne(letter, payload, now);
    const refused = readRefusal(scan);
    if (refused !== null) return { accepted: false, ...refused, payload };
    const eventId = scan.firstIds[0]!;
    if (letter.reason === 'id_collision' && eventId === readOwnId(letter.payload)) {
      return { accepted: false, code: 'id_collision', detail: COLLISION_ADVICE, payload };
    }
    const line = scan.lines.slice();
    const keyHash = scan.keyHash[0]!;
    builder ??= kernel.createBlockBuilder({ rowsMax: BUILDER_ROWS, bytesMax: BUILDER_BYTES });
    return {
      accepted: true,
      eventId,
      payload,
      line,
      keyHash,
      ...readRow(builder, letter, line, options.defaultApp),
    };
  }

  /** Within an array, so that the text is one event and nothing else, whatever it looks like. */
  function scanOne(letter: Letter, payload: string, now: number): Scan {
    return kernel.scanner.scan(Buffer.from(`[${payload}]`), {
      receivedAt: letter.receivedAt,
      mode: 'auto',
      defaultName: null,
      maxEvents: 1,
      oldestAllowed: now - options.ageMaxMs,
      // That time has passed since does not make true what was ahead of its receipt.
      newestAllowed: letter.receivedAt + options.aheadMaxMs,
      nextIds: (n) => Buffer.concat(Array.from({ length: n }, () => readEventId(letter.id))),
      sentAt: letter.sentAt,
    });
  }

  return {
    judge(letter, fix, now) {
      const fixed = fixPayload(letter, fix);
      return typeof fixed === 'string' ? judgeEvent(letter, fixed, now) : fixed;
    },
  };
}

/** The reason of a derived event that was given up (derived/webhooks.ts). */
const UNDELIVERED = 'webhook_failed';
const COLLISION_ADVICE =
  'Another event has this event_id. If this one counts too, give it an id of its own: set event_id, or remove it to have one made of its place.';

/** The text of the event after the fix. */
function fixPayload(letter: Letter, fix: Fix): string | RefusedEvent {
  const refuse = (code: string, detail: string): RefusedEvent => ({
    accepted: false,
    code,
    detail,
    payload: null,
  });
  // An event that the fix makes anew does not care what was there.
  const payload = replacesAll(fix) ? '{}' : letter.payload;
  if (letter.truncated && !replacesAll(fix)) {
    return refuse(
      'truncated',
      'The bytes kept are cut off; set the whole event (field ".") to send it again.',
    );
  }
  if (letter.reason === UNDELIVERED && !replacesAll(fix)) {
    return refuse(
      'not_a_client_event',
      'It is a derived event that a webhook did not take: no client sent it, so that it cannot be counted. Deliver it by hand, and put it aside.',
    );
  }
  const read = readEvent(payload);
  if (!isDocument(read)) {
    if (read.kind === 'several') {
      const detail = `It holds more than one event. ${read.detail} Send them to /events one by one, or set the whole event (field ".").`;
      return refuse('several_events', detail);
    }
    return refuse('invalid_json', `${read.detail} Set the whole event (field ".") to send it again.`);
  }
  if (fix.length === 0) return payload.trim();
  const applied = applyFix(fix, read);
  return 'fault' in applied ? refuse('fix_failed', applied.fault.detail) : writeDocument(applied.event);
}

function readRefusal(scan: Scan): { code: string; detail: string } | null {
  if (scan.error !== null) return { code: scan.error.code, detail: scan.error.detail };
  const [verdict] = scan.verdicts;
  return verdict === undefined ? null : { code: verdict.code, detail: verdict.detail };
}

/** The row that the pipeline is going to make of the line. */
function readRow(builder: BlockBuilder, letter: Letter, line: Uint8Array, defaultApp: string) {
  builder.reset();
  const { receivedAt, sentAt } = letter;
  const app = letter.app || defaultApp;
  const added = builder.add({ value: line, receivedAt, sentAt, app, partition: 0, offset: 0 }, null);
  if (builder.rows !== 1) {
    throw new Error(`the scanner takes what the block builder does not: ${added.bad[0]?.detail ?? 'no row'}`);
  }
  const [low, high] = builder.payloadWords;
  return {
    app: builder.text.get(builder.textColumns.app_id[0]!),
    event: builder.eventJson(0),
    payloadHash: ((BigInt(high!) << 32n) | BigInt(low!)).toString(),
  };
}

/** The id that a letter's event came with, as it would be stored; null when it cannot be told. */
function readOwnId(payload: string): string | null {
  const event = readEvent(payload);
  const id = isDocument(event) ? findValue(event, ['event_id']) : undefined;
  return id?.kind === 'string' ? formatUuid(readEventId(JSON.parse(id.text) as string)) : null;
}
