/** A real server with live behind it, and clients that keep what they hear. */
import type { TestContext } from 'node:test';
import { WebSocket } from 'ws';
import { createCors } from '../../src/http/cors.ts';
import { type HttpServer, openHttpServer } from '../../src/http/server.ts';
import { type Live, type LiveOptions, openLive } from '../../src/live/live.ts';
import type { PublishedBatch } from '../../src/live/published.ts';
import type { StoreClient } from '../../src/store/client.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import type { Delivery } from '../oracle/oracle.ts';
import { createRoad } from './deliveries.ts';

/** A ClickHouse that has nothing. */
export const emptyStore = {
  database: 'none',
  select: async () => [],
  async *stream() {},
} as unknown as StoreClient;

export interface Gateway {
  readonly live: Live;
  readonly server: HttpServer;
  /** The last number of connections told. */
  connections(): number;
  /** Waits until that many sockets are open. */
  until(connections: number): Promise<void>;
  connect(question?: string, options?: WebSocket.ClientOptions): Promise<Listener>;
  /** Publishes events received now. */
  publish(events: readonly object[], app?: string): PublishedBatch;
}

export async function openGateway(t: TestContext, options: Partial<LiveOptions> = {}): Promise<Gateway> {
  const logger = createLogger({ level: 'silent' });
  const cors = createCors({ origins: ['https://tv.example'], maxAgeSeconds: 1 });
  let connections = 0;
  let check = () => {};
  const live = await openLive({
    client: emptyStore,
    authorize: () => ({ granted: true, id: 'test', apps: null }),
    allowsOrigin: (request) => cors.allows(request.headers, 'api'),
    connections: {
      set(value) {
        connections = value;
        check();
      },
    },
    log: logger,
    tickMs: 20,
    ...options,
  });
  const server = await openHttpServer({ host: '127.0.0.1', port: 0, logger, cors });
  server.addUpgrade('/ws', live.handleUpgrade);
  await server.app.register(live.plugin);
  await server.serve();
  const listeners: Listener[] = [];
  t.after(async () => {
    for (const { socket } of listeners) socket.terminate();
    await live.close();
    await server.close(100);
  });
  const road = createRoad();
  return {
    live,
    server,
    connections: () => connections,
    until: (wanted) =>
      new Promise((resolve) => {
        check = () => {
          if (connections === wanted) resolve();
        };
        check();
      }),
    async connect(question = '', socketOptions = {}) {
      const listener = new Listener(`${server.url.replace('http', 'ws')}/ws${question}`, socketOptions);
      listeners.push(listener);
      await listener.opened;
      return listener;
    },
    publish(events, app = 'tube') {
      const receivedAt = Date.now();
      const batch = road.batch(events.map((event): Delivery => ({ event, receivedAt, app })));
      live.publish(batch);
      return batch;
    },
  };
}

export interface Heard {
  readonly type: string;
  readonly payload: Record<string, unknown>;
  readonly skipped?: number;
}

/** A client that remembers every message until somebody takes it. */
export class Listener {
  readonly socket: WebSocket;
  readonly opened: Promise<void>;
  /** The code with which it was closed. */
  readonly closed: Promise<number>;
  /** And the reason that was given. */
  reason = '';
  readonly heard: Heard[] = [];
  #onHeard = () => {};

  constructor(url: string, options: WebSocket.ClientOptions) {
    this.socket = new WebSocket(url, options);
    this.opened = new Promise((resolve, reject) => {
      this.socket.on('open', resolve);
      this.socket.on('unexpected-response', async (_request, response) => {
        const chunks: Buffer[] = await response.toArray();
        reject(
          Object.assign(new Error(`refused ${response.statusCode}`), {
            response,
            body: String(Buffer.concat(chunks)),
          }),
        );
      });
      this.socket.on('error', reject);
    });
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => {
        this.reason = reason.toString();
        resolve(code);
      });
    });
    this.socket.on('message', (data) => {
      this.heard.push(JSON.parse(data.toString()) as Heard);
      this.#onHeard();
    });
  }

  say(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** The next message of the type that fits; those before it are forgotten. */
  next(type: string, fits: (payload: Record<string, unknown>) => boolean = () => true): Promise<Heard> {
    return new Promise((resolve) => {
      this.#onHeard = () => {
        for (let message = this.heard.shift(); message !== undefined; message = this.heard.shift()) {
          if (message.type !== type || !fits(message.payload)) continue;
          this.#onHeard = () => {};
          resolve(message);
          return;
        }
      };
      this.#onHeard();
    });
  }

  async subscribe(payload: object): Promise<Record<string, unknown>> {
    this.say({ type: 'subscribe', payload });
    return (await this.next('subscribed')).payload;
  }
}
