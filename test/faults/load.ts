/** A sender that knows what was acknowledged. It retries what was not, under the same ids, as SDKs do. */
import { randomUUID } from 'node:crypto';

export interface Sent {
  /** Ids answered 202. */
  readonly acked: Set<string>;
  /** Every id ever sent. */
  readonly tried: Set<string>;
  /** Ids of which an answer said that they were not taken; those that were retried may be in `acked` too. */
  readonly refused: Set<string>;
}

interface Event {
  readonly event_id: string;
}

/** Batches that are kept for sending again much later. */
const EARLIER_MAX = 100;

export interface LoadOptions {
  /** Of several, each request goes to any. */
  readonly url: string | readonly string[];
  readonly connections: number;
  readonly batch: number;
  /** Pause of a connection between two requests, ms. */
  readonly pauseMs: number;
  /** False: what was not acknowledged is left at that. Default: it is sent again until it is. */
  readonly retries?: boolean;
}

export class Load {
  readonly sent: Sent = { acked: new Set(), tried: new Set(), refused: new Set() };
  /** Of whom each event is. */
  readonly people = new Map<string, string>();
  /** Answers by status; 0 is no answer. */
  readonly statuses = new Map<number, number>();
  readonly refusalCodes = new Set<string>();
  /** What the last refusal said. */
  lastRefusal: { readonly status: number; readonly retryAfter: string | null; readonly code: string } | null =
    null;
  readonly #options: LoadOptions;
  #running = false;
  #loops: Promise<void>[] = [];
  #unacked: Event[][] = [];
  /** Some of what was acknowledged. */
  #earlier: Event[][] = [];
  #made = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#loops = Array.from({ length: this.#options.connections }, () => this.#loop());
  }

  /** Stops making events, but goes on until everything made was acknowledged, if asked to. */
  async stop(untilAcked: boolean): Promise<void> {
    this.#running = false;
    await Promise.all(this.#loops);
    if (untilAcked) while (this.#unacked.length > 0) await this.#send(this.#unacked.pop()!);
  }

  /** Sends again some of what was acknowledged so far, as a sender does that was away for hours. */
  repeatEarlier(): void {
    this.#unacked.push(...this.#earlier);
  }

  async #loop(): Promise<void> {
    while (this.#running) {
      await this.#send(this.#unacked.pop() ?? this.#make());
      if (this.#options.pauseMs > 0)
        await new Promise((resolve) => setTimeout(resolve, this.#options.pauseMs));
    }
  }

  async #send(events: Event[]): Promise<void> {
    for (const event of events) this.sent.tried.add(event.event_id);
    const status = await this.#post(events);
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    const { acked, refused } = this.sent;
    if (status !== 0) for (const { event_id } of events) (status === 202 ? acked : refused).add(event_id);
    if (status !== 202) await new Promise((resolve) => setTimeout(resolve, 50));
    // A retry now and then of what was acknowledged: the commonest duplicate there is.
    const again = status === 202 ? Math.random() < 0.05 : this.#options.retries !== false;
    if (again) this.#unacked.push(events);
    if (status === 202 && this.#earlier.length < EARLIER_MAX && Math.random() < 0.2)
      this.#earlier.push(events);
  }

  /** The status; 0 without an answer: then it may have been taken or not. */
  async #post(events: Event[]): Promise<number> {
    try {
      const urls = [this.#options.url].flat();
      const url = urls[Math.floor(Math.random() * urls.length)];
      const answer = await fetch(`${url}/events`, {
        method: 'POST',
        body: JSON.stringify(events),
        signal: AbortSignal.timeout(15_000),
      });
      const text = await answer.text();
      if (answer.status !== 202) {
        const { code } = JSON.parse(text) as { code: string };
        this.refusalCodes.add(code);
        this.lastRefusal = { status: answer.status, retryAfter: answer.headers.get('retry-after'), code };
      }
      return answer.status;
    } catch {
      return 0;
    }
  }

  #make(): Event[] {
    const now = Date.now();
    const view = randomUUID().slice(0, 8);
    return Array.from({ length: this.#options.batch }, (_, i) => {
      const n = this.#made++;
      const late = Math.random() < 0.1 ? Math.random() * 3 * 3_600_000 : 0;
      const person = `p${n % 97}`;
      const event_id = randomUUID();
      this.people.set(event_id, person);
      return {
        event_id,
        event_name: [
          'video_start',
          'video_progress',
          'video_heartbeat',
          'page_view',
          'view_end',
          'video_pause',
          'error',
        ][i % 7],
        app_id: `app${n % 3}`,
        timestamp: new Date(now - late).toISOString(),
        user_id: person,
        // Some events leave their session to the pipeline.
        ...(n % 5 === 0 ? {} : { session_id: `s-${person}` }),
        video_id: `v${n % 11}`,
        ...(n % 2 === 0 ? { view_id: `${view}-${i % 4}` } : {}),
        properties: {
          ...(i % 3 === 0 ? { watch_ms: 1000 + i } : {}),
          duration: 120,
          completed: i % 14 === 4,
        },
      };
    });
  }
}
