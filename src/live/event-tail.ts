import type { BlockBuilder } from '../event/kernel.ts';
import type { FanOut, Receiver } from './fan-out.ts';
import type { LiveRows } from './realtime.ts';
import type { Subscription } from './subscription.ts';

interface EventTailOptions {
  readonly fanOut: FanOut;
  /** What one socket gets at most. */
  readonly eventsPerSecondMax: number;
  /** Events written as JSON, for all sockets together. */
  readonly totalPerSecondMax: number;
  readonly now: () => number;
}

/** Those who want the same events get the same ones, so each is written once. */
interface Topic {
  readonly subscription: Subscription;
  readonly receivers: Set<Receiver>;
  readonly allowance: Allowance;
  /** Fitting events that were not sent since the last that was. */
  skipped: number;
}

/** Rows with the same app and name. */
interface Group {
  readonly app: string;
  readonly name: string;
  readonly rows: number[];
}

/** Of a batch so many rows, the newest, are looked at for a video: their ids have to be read one by one. */
const VIDEO_ROWS_MAX = 10_000;

/**
 * The events themselves, for those who watch them come in: a fair sample within a rate, with the number of those left
 * out in `skipped`. Without listeners it costs nothing; with them, rows are chosen first and only those become JSON.
 */
export class EventTail {
  readonly #options: EventTailOptions;
  readonly #topics = new Map<string, Topic>();
  readonly #total: Allowance;

  constructor(options: EventTailOptions) {
    this.#options = options;
    this.#total = new Allowance(options.totalPerSecondMax, options.now());
  }

  join(receiver: Receiver, subscription: Subscription): void {
    if (!subscription.events) return;
    const key = keyOf(subscription);
    let topic = this.#topics.get(key);
    if (topic === undefined) {
      const allowance = new Allowance(this.#options.eventsPerSecondMax, this.#options.now());
      topic = { subscription, receivers: new Set(), allowance, skipped: 0 };
      this.#topics.set(key, topic);
    }
    topic.receivers.add(receiver);
  }

  leave(receiver: Receiver, subscription: Subscription): void {
    const key = keyOf(subscription);
    const topic = this.#topics.get(key);
    topic?.receivers.delete(receiver);
    if (topic?.receivers.size === 0) this.#topics.delete(key);
  }

  /** Chooses among the rows; what is sent is copied before this returns. */
  publish(rows: LiveRows, builder: BlockBuilder): void {
    if (this.#topics.size === 0 || rows.start >= rows.end) return;
    const now = this.#options.now();
    const groups = groupRows(rows, builder);
    let videos: Map<string, number[]> | null = null;
    const written = new Map<number, string>();
    for (const topic of this.#topics.values()) {
      const { subscription } = topic;
      const { videoId } = subscription;
      let fitting = groups.filter((group) => fits(group, subscription)).flatMap(({ rows }) => rows);
      if (videoId !== null && fitting.length > 0) {
        videos ??= findVideos(rows, builder);
        const ofVideo = new Set(videos.get(videoId));
        fitting = fitting.filter((row) => ofVideo.has(row));
      }
      this.#send(topic, fitting, now, (row) => this.#write(row, builder, written, now));
    }
  }

  #send(topic: Topic, fitting: number[], now: number, write: (row: number) => string | null): void {
    topic.skipped += fitting.length;
    const count = Math.min(fitting.length, topic.allowance.left(now));
    if (count === 0) return;
    const receivers = [...topic.receivers];
    fitting.sort((a, b) => a - b);
    for (let i = 0; i < count; i++) {
      // Spread over the batch, the newest among them.
      const event = write(fitting[Math.ceil(((i + 1) * fitting.length) / count) - 1]!);
      if (event === null) return;
      const skipped = topic.skipped - (count - i);
      const text = `{"type":"analytics_event","payload":${event},"skipped":${Math.max(0, skipped)}}`;
      if (!this.#options.fanOut.send(receivers, text)) return;
      topic.allowance.take();
      topic.skipped = count - i - 1;
    }
  }

  /** null when the rate of all sockets together is used up. */
  #write(row: number, builder: BlockBuilder, written: Map<number, string>, now: number): string | null {
    let event = written.get(row);
    if (event !== undefined) return event;
    if (this.#total.left(now) === 0) return null;
    this.#total.take();
    event = builder.eventJson(row);
    written.set(row, event);
    return event;
  }
}

/** A rate, with a second's worth saved up. */
class Allowance {
  readonly #perSecond: number;
  #tokens: number;
  #at: number;

  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
    this.#at = now;
  }

  /** Whole ones. */
  left(now: number): number {
    const earned = (Math.max(0, now - this.#at) / 1000) * this.#perSecond;
    this.#tokens = Math.min(this.#perSecond, this.#tokens + earned);
    this.#at = now;
    return Math.floor(this.#tokens);
  }

  take(): void {
    this.#tokens--;
  }
}

function keyOf({ apps, eventNames, videoId }: Subscription): string {
  return JSON.stringify([apps, eventNames, videoId]);
}

function fits({ app, name }: Group, { apps, eventNames }: Subscription): boolean {
  return (apps === null || apps.includes(app)) && (eventNames === null || eventNames.includes(name));
}

function groupRows(rows: LiveRows, builder: BlockBuilder): Group[] {
  const { app_id, event_name } = builder.textColumns;
  const groups = new Map<number, Group>();
  let lastKey = -1;
  let group: Group | undefined;
  for (let row = rows.start; row < rows.end; row++) {
    if (rows.isBot !== null && rows.isBot[row] === 1) continue;
    const key = app_id[row]! * 2 ** 26 + event_name[row]!;
    if (key !== lastKey || group === undefined) {
      lastKey = key;
      group = groups.get(key);
      if (group === undefined) {
        const { text } = builder;
        group = { app: text.get(app_id[row]!), name: text.get(event_name[row]!), rows: [] };
        groups.set(key, group);
      }
    }
    group.rows.push(row);
  }
  return [...groups.values()];
}

function findVideos(rows: LiveRows, builder: BlockBuilder): Map<string, number[]> {
  const videos = new Map<string, number[]>();
  for (let row = Math.max(rows.start, rows.end - VIDEO_ROWS_MAX); row < rows.end; row++) {
    const video = builder.stringAt('video_id', row);
    const known = videos.get(video);
    if (known === undefined) videos.set(video, [row]);
    else known.push(row);
  }
  return videos;
}
