/** The two ways to send a stream: history as fast as it is taken, and live at a held rate. */
import type { Clock } from './clock.ts';
import type { Sender } from './sender.ts';
import { type DemoStream, liveliness } from './stream.ts';

export const liveTickMs = 100;
const backfillTickMs = 60_000;
const dayMs = 86_400_000;

/** Where a run stands, told now and then. */
export interface Progress {
  /** Events handed to the sender. */
  readonly sent: number;
  /** 0..1, null without an end. */
  readonly done: number | null;
}

export interface RunOptions {
  readonly stream: DemoStream;
  readonly sender: Sender;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Virtual time (epoch ms) until which events were made: what follows an event is planned from there. */
  readonly moved: (virtualNow: number) => void;
  readonly progress: (progress: Progress) => void;
}

/** True once no more than `most` are pending, false when that took longer than `ms` or the signal came first. */
export async function belowOr(
  { sender, clock, signal }: Pick<RunOptions, 'sender' | 'clock' | 'signal'>,
  most: number,
  ms: number,
): Promise<boolean> {
  const reached = new AbortController();
  const late = clock.sleep(ms, AbortSignal.any([reached.signal, signal])).then(() => false);
  try {
    return await Promise.race([sender.below(most).then(() => true), late]);
  } finally {
    reached.abort();
  }
}

export interface LiveOptions extends RunOptions {
  readonly startAt: number;
  /** null: until the signal. */
  readonly durationMs: number | null;
  /** Events per second. */
  readonly rate: number;
}

/**
 * Open loop: every tick leaves when it is due, whatever the service does, until more than 20 s of events are pending;
 * then it waits and catches up as fast as it is let. Returns the virtual time reached (epoch ms).
 */
export async function runLive(options: LiveOptions): Promise<number> {
  const { stream, sender, clock, signal, startAt, durationMs, rate, moved, progress } = options;
  const pendingMax = Math.max(10_000, 20 * rate);
  const end = durationMs === null ? Number.POSITIVE_INFINITY : startAt + durationMs;
  let virtual = startAt;
  let asked = 0;
  let sent = 0;
  while (virtual < end && !signal.aborted) {
    while (sender.pending > pendingMax && !signal.aborted) await belowOr(options, pendingMax / 2, 1_000);
    if (virtual + liveTickMs > clock.now()) {
      await clock.sleep(virtual + liveTickMs - clock.now(), signal);
      // A refusal of all we send shows here and not only at the end.
      await sender.below(Number.POSITIVE_INFINITY);
      continue;
    }
    // Reckoned from the beginning, since a sum of fractions would drift.
    const wanted = Math.round(((virtual + liveTickMs - startAt) * rate) / 1000) - asked;
    asked += wanted;
    const events = stream.take(virtual, virtual + liveTickMs, wanted, wanted);
    virtual += liveTickMs;
    moved(virtual);
    sender.send(events);
    sent += events.length;
    progress({ sent, done: durationMs === null ? null : (virtual - startAt) / durationMs });
  }
  return virtual;
}

export interface BackfillOptions extends RunOptions {
  /** Epoch ms, both. */
  readonly from: number;
  readonly to: number;
  /** Events of a mean day. */
  readonly perDay: number;
}

/** As fast as the service takes it, with the curve of day and night. */
export async function runBackfill(options: BackfillOptions): Promise<void> {
  const { stream, sender, signal, from, to, perDay, moved, progress } = options;
  let owed = 0;
  let sent = 0;
  for (let at = from; at < to && !signal.aborted; at += backfillTickMs) {
    const until = Math.min(at + backfillTickMs, to);
    owed += (perDay * liveliness(at) * (until - at)) / dayMs;
    const events = stream.take(at, until, Math.max(0, Math.floor(owed)), Number.POSITIVE_INFINITY);
    // A lively stretch is paid back by fewer newcomers in the next.
    owed -= events.length;
    moved(until);
    sender.send(events);
    sent += events.length;
    progress({ sent, done: Math.min(0.99, (until - from) / (to - from)) });
    while (sender.pending > 10_000 && !signal.aborted) await belowOr(options, 10_000, 1_000);
  }
  while (sender.pending > 0 && !signal.aborted) await belowOr(options, 0, 1_000);
  progress({ sent, done: 1 });
}

/** Sends what was held back and waits until all is settled. False when nothing moved for `patienceMs`. */
export async function finishRun(
  { stream, sender, clock, signal }: Omit<RunOptions, 'moved' | 'progress'>,
  patienceMs: number,
): Promise<boolean> {
  for (let left = stream.drain(); left.length > 0 || sender.pending > 0; left = stream.drain()) {
    sender.send(left);
    const settled = () => sender.stats.taken + sender.stats.refusedBad;
    const before = settled();
    const done = await belowOr({ sender, clock, signal }, 0, patienceMs);
    if (!done && (signal.aborted || settled() === before)) return false;
  }
  return true;
}
