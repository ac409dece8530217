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

/** An event that is JSON text already. */
export interface EventText {
  readonly app: string;
  readonly name: string;
  readonly videoId: string | null;
  readonly text: string;
}

/** Reads one that has an app and a name; null for anything else. */
export function readText(value: Uint8Array): EventText | null {
  const text = Buffer.from(value).toString();
  let event: Record<string, unknown> | null;
  try {
    event = JSON.parse(text) as Record<string, unknown> | null;
  } catch {
    return null;
  }
  const { app_id: app, event_name: name, video_id: videoId } = event ?? {};
  // Bots are left out of what sockets get.
  if (typeof app !== 'string' || typeof name !== 'string' || event?.is_bot === true) return null;
  return { app, name, videoId: typeof videoId === 'string' ? videoId : null, text };
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
    const write = (row: number) => this.#write(row, builder, written, now);
    for (const topic of this.#topics.values()) {
      const { subscription } = topic;
      let fitting = groups.filter((group) => fits(group, subscription));
      if (subscription.videoId !== null && fitting.length > 0) {
        videos ??= findVideos(rows, builder);
        const ofVideo = new Set(videos.get(subscription.videoId));
        fitting = fitting.map((group) => ({ ...group, rows: group.rows.filter((row) => ofVideo.has(row)) }));
      }
      this.#send(
        topic,
        fitting.map((group) => group.rows),
        now,
        write,
      );
    }
  }

  /** The same with events that are text already: those of the last moment that fit, within the same rates. */
  publishTexts(events: readonly EventText[]): void {
    if (this.#topics.size === 0) return;
    const now = this.#options.now();
    for (const topic of this.#topics.values()) {
      const { videoId } = topic.subscription;
      const fitting = events.filter(
        (event) => fits(event, topic.subscription) && (videoId === null || event.videoId === videoId),
      );
      const rows = fitting.map((_, i) => i);
      this.#send(topic, [rows], now, (row) => this.#take(fitting[row]!.text, now));
    }
  }

  #send(
    topic: Topic,
    fitting: readonly number[][],
    now: number,
    write: (row: number) => string | null,
  ): void {
    const total = fitting.reduce((sum, rows) => sum + rows.length, 0);
    topic.skipped += total;
    const rows = spread(fitting, total, Math.min(total, topic.allowance.left(now)));
    if (rows.length === 0) return;
    // What this batch leaves out is told with the first event of it.
    topic.skipped -= rows.length;
    const receivers = [...topic.receivers];
    for (const [i, row] of rows.entries()) {
      const event = write(row);
      const text = `{"type":"analytics_event","payload":${event},"skipped":${topic.skipped}}`;
      if (event === null || !this.#options.fanOut.send(receivers, text)) {
        topic.skipped += rows.length - i;
        return;
      }
      topic.allowance.take();
      topic.skipped = 0;
    }
  }

  #take(text: string, now: number): string | null {
    if (this.#total.left(now) === 0) return null;
    this.#total.take();
    return text;
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

function fits({ app, name }: Pick<Group, 'app' | 'name'>, { apps, eventNames }: Subscription): boolean {
  return (apps === null || apps.includes(app)) && (eventNames === null || eventNames.includes(name));
}

/** `count` of the rows, spread evenly over the lists, in the order of the block. */
function spread(lists: readonly number[][], total: number, count: number): number[] {
  const chosen: number[] = [];
  let list = 0;
  let before = 0;
  for (let i = 0; i < count; i++) {
    const place = Math.floor(((i + 0.5) * total) / count);
    while (place >= before + lists[list]!.length) before += lists[list++]!.length;
    chosen.push(lists[list]![place - before]!);
  }
  return chosen.sort((a, b) => a - b);
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
