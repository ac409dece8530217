import { createRequest, DUPLICATE_EVERY, Patcher, type Request, templateCount } from './bodies.ts';
import { Connection } from './connection.ts';
import { Histogram } from './histogram.ts';

export interface LoadPlan {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly batch: number;
  readonly connections: number;
  /** Events per second; null sends as fast as answers come. */
  readonly rate: number | null;
  /** Tells the ids of one run from those of every other: 24 bits. */
  readonly run: number;
  /** Default: 8,000. */
  readonly viewsBetweenSteps?: number;
  /** Events of a time that is over: so many, spread evenly from one moment to another (epoch ms). Default: of now. */
  readonly past?: { readonly from: number; readonly to: number; readonly events: number };
}

export interface LoadReport {
  /** Events of requests answered 202. */
  readonly acknowledged: number;
  /** Of those, the ones whose id had not been sent before. */
  readonly distinct: number;
  /** Events of requests without an answer: they may be stored or not. */
  readonly unknown: number;
  readonly requests: number;
  /** Requests by status; 0 is no answer. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Milliseconds, of requests answered 202 since `measure`. */
  readonly ack: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number };
  /** Requests that should have been sent by now and were not, for want of a free connection. */
  readonly behind: number;
}

interface Lane {
  connection: Connection;
  readonly requests: readonly Request[];
  /** The last that was acknowledged, for whole retries. */
  acknowledged: Request | null;
  sending: Request | null;
  fresh: number;
  /** performance.now() at which its time began. */
  began: number;
}

const RETRY_AT = DUPLICATE_EVERY - 1;
const STOP_WAIT_MS = 15_000;

/** Sends requests over some connections until it is stopped. */
export class Load {
  readonly #plan: LoadPlan;
  readonly #patcher: Patcher;
  readonly #lanes: Lane[] = [];
  readonly #idle: Lane[] = [];
  readonly #ack = new Histogram();
  readonly #statuses: Record<string, number> = {};
  readonly #intervalMs: number;
  #acknowledged = 0;
  #distinct = 0;
  #unknown = 0;
  #number = 0;
  #startedAt = 0;
  #running = false;
  #timer: NodeJS.Timeout | null = null;
  #onIdle: (() => void) | null = null;

  static async open(plan: LoadPlan): Promise<Load> {
    const load = new Load(plan);
    for (let i = 0; i < plan.connections; i++) await load.#addLane();
    return load;
  }

  private constructor(plan: LoadPlan) {
    this.#plan = plan;
    const host = `${plan.host}:${plan.port}`;
    this.#patcher = new Patcher({ ...plan, host });
    this.#intervalMs = plan.rate === null ? 0 : (plan.batch / plan.rate) * 1000;
  }

  start(): void {
    this.#running = true;
    this.#startedAt = performance.now();
    if (this.#plan.rate === null)
      for (const lane of this.#idle.splice(0)) this.#send(lane, performance.now());
    else this.#timer = setInterval(() => this.#sendDue(), 1);
  }

  /** Forgets the latencies so far; returns the counts so far. */
  measure(): LoadReport {
    const report = this.#report();
    this.#ack.reset();
    return report;
  }

  /** Sends no more, waits for the answers that are due, and closes. */
  async stop(): Promise<LoadReport> {
    this.#running = false;
    if (this.#timer) clearInterval(this.#timer);
    const behind = this.#behind();
    if (this.#idle.length < this.#lanes.length)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, STOP_WAIT_MS);
        this.#onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    for (const lane of this.#lanes) {
      if (lane.sending) this.#unknown += this.#plan.batch;
      lane.connection.close();
    }
    return { ...this.#report(), behind };
  }

  async #addLane(): Promise<void> {
    const { host, port, batch } = this.#plan;
    const plan = { ...this.#plan, host: `${host}:${port}` };
    const requests = Array.from({ length: templateCount(batch) }, (_, t) => createRequest(plan, t));
    const connection = await Connection.open(host, port, (status) => this.#answered(lane, status));
    const lane: Lane = { connection, requests, acknowledged: null, sending: null, fresh: 0, began: 0 };
    this.#lanes.push(lane);
    this.#idle.push(lane);
  }

  /** Open loop: everything whose time has come, as far as connections are free. */
  #sendDue(): void {
    // The one that rested longest, so that none rests until the server hangs up.
    while (this.#idle.length > 0 && this.#behind() > 0)
      this.#send(this.#idle.shift()!, this.#startedAt + this.#number * this.#intervalMs);
  }

  #behind(): number {
    if (this.#plan.rate === null) return 0;
    return Math.floor((performance.now() - this.#startedAt) / this.#intervalMs) + 1 - this.#number;
  }

  #send(lane: Lane, began: number): void {
    const number = this.#number++;
    lane.began = began;
    if (number % DUPLICATE_EVERY === RETRY_AT && lane.acknowledged) {
      lane.fresh = 0;
      lane.sending = lane.acknowledged;
    } else {
      lane.sending = lane.requests[number % lane.requests.length]!;
      lane.fresh = this.#patcher.patch(lane.sending, number, this.#timeOf(number));
    }
    lane.connection.send(lane.sending.bytes);
  }

  #timeOf(number: number): number {
    const { past, batch } = this.#plan;
    return past === undefined
      ? Date.now()
      : past.from + ((past.to - past.from) * number * batch) / past.events;
  }

  #answered(lane: Lane, status: number): void {
    const now = performance.now();
    const request = lane.sending!;
    lane.sending = null;
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
    if (status === 202) {
      request.acknowledged = true;
      lane.acknowledged = request;
      this.#acknowledged += request.places.length;
      this.#distinct += lane.fresh;
      this.#ack.add((now - lane.began) * 1000);
    } else {
      // What it was patched over is gone, so there is nothing left to send again.
      lane.acknowledged = null;
      if (status === 0) this.#unknown += request.places.length;
    }
    if (status === 0) void this.#reconnect(lane);
    else this.#release(lane);
  }

  #release(lane: Lane): void {
    if (this.#running && (this.#plan.rate === null || this.#behind() > 0)) {
      const due = this.#startedAt + this.#number * this.#intervalMs;
      this.#send(lane, this.#plan.rate === null ? performance.now() : due);
      return;
    }
    this.#idle.push(lane);
    if (!this.#running && this.#idle.length === this.#lanes.length) this.#onIdle?.();
  }

  async #reconnect(lane: Lane): Promise<void> {
    const { host, port } = this.#plan;
    try {
      lane.connection = await Connection.open(host, port, (status) => this.#answered(lane, status));
      this.#release(lane);
    } catch {
      if (this.#running) setTimeout(() => void this.#reconnect(lane), 100);
      else this.#release(lane);
    }
  }

  #report(): LoadReport {
    const ms = (share: number) => this.#ack.quantile(share) / 1000;
    return {
      acknowledged: this.#acknowledged,
      distinct: this.#distinct,
      unknown: this.#unknown,
      requests: this.#number,
      statuses: { ...this.#statuses },
      ack: { p50: ms(0.5), p95: ms(0.95), p99: ms(0.99), max: this.#ack.max / 1000 },
      behind: this.#behind(),
    };
  }
}
