/**
 * `WS /ws`: the numbers each second, and the events as they are stored, to whoever may read them.
 *
 * In: handshakes and `subscribe` messages. Out: `realtime_metrics`, `analytics_event`, `subscribed`, `error`. What can be
 * lost: messages to a socket that reads too slowly; it is skipped, and closed (1013) when it stays so. Nothing waits for
 * a socket, and each has bounds: 4 KB a message, a rate of messages and events, bytes that wait, a sign of life, and a credential that still counts.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type RawData, type ServerOptions, WebSocket, WebSocketServer } from 'ws';
import type { BlockBuilder } from '../event/kernel.ts';
import { HttpProblem, type ProblemCode } from '../http/problem.ts';
import { refuseUpgrade } from '../http/server.ts';
import { EventTail, type EventText } from './event-tail.ts';
import { FanOut, type Receiver } from './fan-out.ts';
import type { LiveRows } from './realtime.ts';
import { keepPass, type Pass, startRechecks } from './recheck.ts';
import { hashApp, type RealtimePoint, type RealtimeSnapshot } from './snapshot.ts';
import {
  type Authorize,
  describeSubscription,
  readApps,
  readSubscribe,
  type Subscription,
} from './subscription.ts';

export interface SocketLimits {
  readonly socketsMax: number;
  readonly messageBytesMax: number;
  /** Messages that a client may send. */
  readonly messagesPerSecondMax: number;
  readonly eventsPerSecondMax: number;
  /** Events written as JSON a second for all sockets together. */
  readonly totalEventsPerSecondMax: number;
  readonly bufferedBytesMax: number;
  readonly slowAfterMs: number;
  /** A peer that did not answer the last ping when the next is due is cut. */
  readonly pingEveryMs: number;
  /** How often it is asked whether a credential still opens the door. */
  readonly recheckEveryMs: number;
  readonly sliceSockets: number;
  readonly waitingMessagesMax: number;
  /** For the goodbyes of both sides. */
  readonly closeTimeoutMs: number;
}

export const defaultSocketLimits: SocketLimits = {
  socketsMax: 10_000,
  messageBytesMax: 4_096,
  messagesPerSecondMax: 10,
  eventsPerSecondMax: 20,
  totalEventsPerSecondMax: 2_000,
  bufferedBytesMax: 1_048_576,
  slowAfterMs: 10_000,
  pingEveryMs: 15_000,
  recheckEveryMs: 2_000,
  sliceSockets: 250,
  waitingMessagesMax: 20_000,
  closeTimeoutMs: 2_000,
};

interface SocketsOptions {
  readonly authorize: Authorize;
  /** Whether pages of this origin may read. */
  readonly allowsOrigin: (request: IncomingMessage) => boolean;
  /** The latest snapshot, for the greeting; null while there is none. */
  readonly latest: () => RealtimeSnapshot | null;
  readonly onCount: (sockets: number) => void;
  readonly now: () => number;
  readonly limits?: Partial<SocketLimits>;
}

interface Client extends Receiver {
  readonly pass: Pass;
  /** What its credential allows. */
  readonly allowed: readonly string[] | null;
  subscription: Subscription;
  appHashes: readonly number[] | null;
  alive: boolean;
  /** Messages since `messagesSince`. */
  messages: number;
  messagesSince: number;
}

export interface Sockets {
  readonly count: number;
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, requestId: string): void;
  sendMetrics(snapshot: RealtimeSnapshot): void;
  sendEvents(rows: LiveRows, builder: BlockBuilder): void;
  sendTexts(events: readonly EventText[]): void;
  /** Says goodbye (1001) to all and resolves when they are gone, by force after the close timeout. */
  close(): Promise<void>;
}

export function openSockets(options: SocketsOptions): Sockets {
  return new SocketHub(options);
}

class SocketHub implements Sockets {
  readonly #options: SocketsOptions;
  readonly #limits: SocketLimits;
  readonly #server: WebSocketServer;
  readonly #clients = new Set<Client>();
  readonly #fanOut: FanOut;
  readonly #tail: EventTail;
  readonly #pings: NodeJS.Timeout;
  readonly #rechecks: { stop(): void };
  /** Handshakes that wait for a decision. */
  #entering = 0;
  #closing = false;
  #onEmpty = () => {};

  constructor(options: SocketsOptions) {
    this.#options = options;
    this.#limits = { ...defaultSocketLimits, ...options.limits };
    const { now } = options;
    const limits = this.#limits;
    // The types of `ws` do not know the timeout yet.
    const serverOptions: ServerOptions & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: limits.messageBytesMax,
      closeTimeout: limits.closeTimeoutMs,
    };
    this.#server = new WebSocketServer(serverOptions);
    this.#fanOut = new FanOut({
      ...limits,
      now,
      messagesMax: limits.waitingMessagesMax,
      giveUp: ({ socket }) => socket.close(1013, 'You read more slowly than there is to tell.'),
    });
    this.#tail = new EventTail({
      fanOut: this.#fanOut,
      now,
      eventsPerSecondMax: limits.eventsPerSecondMax,
      totalPerSecondMax: limits.totalEventsPerSecondMax,
    });
    this.#pings = setInterval(() => void this.#ping(), limits.pingEveryMs).unref();
    this.#rechecks = startRechecks({
      authorize: options.authorize,
      guests: () => this.#clients,
      everyMs: limits.recheckEveryMs,
      slice: limits.sliceSockets,
    });
  }

  get count(): number {
    return this.#clients.size;
  }

  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, requestId: string): void {
    this.#entering++;
    this.#enter(request, socket, head)
      .catch((error: Error) => {
        const problem =
          error instanceof HttpProblem ? error : new HttpProblem('internal', 'The handshake failed.');
        if (!socket.destroyed) refuseUpgrade(socket, problem.code, problem.message, requestId);
      })
      .finally(() => {
        this.#entering--;
      });
  }

  sendMetrics(snapshot: RealtimeSnapshot): void {
    const groups = new Map<string, Client[]>();
    for (const client of this.#clients) {
      const key = keyOfApps(client.subscription.apps);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [client]);
      else group.push(client);
    }
    for (const clients of groups.values()) {
      this.#fanOut.send(clients, metricsMessage(snapshot.of(clients[0]!.appHashes)));
    }
  }

  sendEvents(rows: LiveRows, builder: BlockBuilder): void {
    this.#tail.publish(rows, builder);
  }

  sendTexts(events: readonly EventText[]): void {
    this.#tail.publishTexts(events);
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearInterval(this.#pings);
    this.#rechecks.stop();
    this.#fanOut.stop();
    const gone = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    const force = setTimeout(() => {
      for (const { socket } of this.#clients) socket.terminate();
    }, this.#limits.closeTimeoutMs);
    await this.#eachSlice(({ socket }) => socket.close(1001, 'The service is stopping.'));
    if (this.#clients.size > 0) await gone;
    clearTimeout(force);
    this.#server.close();
  }

  async #enter(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    if (this.#closing) throw new HttpProblem('closing', 'Try again soon.');
    if (this.#clients.size + this.#entering > this.#limits.socketsMax) {
      throw new HttpProblem('overloaded', 'There are as many sockets as there may be.');
    }
    if (!this.#options.allowsOrigin(request)) {
      throw new HttpProblem('origin_forbidden', 'Pages of this origin may not read here.');
    }
    const admission = await this.#options.authorize(request, 'socket');
    if (!admission.granted) throw new HttpProblem(admission.code, admission.detail);
    const question = new URL(request.url ?? '/', 'http://any').searchParams;
    const apps = readApps(question.get('app_id') ?? undefined, admission.apps);
    if (this.#closing) throw new HttpProblem('closing', 'Try again soon.');
    const pass = keepPass(request, admission.id);
    this.#server.handleUpgrade(request, socket, head, (opened) =>
      this.#welcome(opened, pass, admission.apps, apps),
    );
  }

  #welcome(socket: WebSocket, pass: Pass, allowed: Client['allowed'], apps: readonly string[] | null): void {
    const subscription = { apps, eventNames: null, videoId: null, events: true };
    const client: Client = {
      socket,
      pass,
      allowed,
      subscription,
      appHashes: apps?.map(hashApp) ?? null,
      slowSince: 0,
      alive: true,
      messages: 0,
      messagesSince: 0,
    };
    this.#clients.add(client);
    this.#options.onCount(this.#clients.size);
    this.#tail.join(client, subscription);
    socket.on('pong', () => {
      client.alive = true;
    });
    socket.on('message', (data) => this.#hear(client, data));
    // `ws` closes the socket itself, with the code that fits (1009 when a message is too large).
    socket.on('error', () => {});
    socket.on('close', () => this.#farewell(client));
    this.#greet(client);
  }

  #greet(client: Client): void {
    const latest = this.#options.latest();
    if (latest !== null) this.#fanOut.send([client], metricsMessage(latest.of(client.appHashes)));
  }

  #farewell(client: Client): void {
    this.#clients.delete(client);
    this.#tail.leave(client, client.subscription);
    this.#options.onCount(this.#clients.size);
    if (this.#clients.size === 0) this.#onEmpty();
  }

  #hear(client: Client, data: RawData): void {
    client.alive = true;
    const now = this.#options.now();
    if (now - client.messagesSince >= 1_000) {
      client.messagesSince = now;
      client.messages = 0;
    }
    if (++client.messages > this.#limits.messagesPerSecondMax) {
      client.socket.close(1008, 'Too many messages.');
      return;
    }
    try {
      const subscription = readSubscribe(data.toString(), client.allowed);
      this.#tail.leave(client, client.subscription);
      client.subscription = subscription;
      client.appHashes = subscription.apps?.map(hashApp) ?? null;
      this.#tail.join(client, subscription);
      this.#reply(client, 'subscribed', describeSubscription(subscription));
      this.#greet(client);
    } catch (error) {
      const { code, detail } = describeError(error);
      this.#reply(client, 'error', { code, detail });
    }
  }

  #reply(client: Client, type: string, payload: object): void {
    this.#fanOut.send([client], JSON.stringify({ type, payload }));
  }

  async #ping(): Promise<void> {
    await this.#eachSlice((client) => {
      if (!client.alive) client.socket.terminate();
      else if (client.socket.readyState === WebSocket.OPEN) {
        client.alive = false;
        client.socket.ping();
      }
    });
  }

  async #eachSlice(work: (client: Client) => void): Promise<void> {
    let inSlice = 0;
    for (const client of [...this.#clients]) {
      work(client);
      if (++inSlice % this.#limits.sliceSockets === 0) await new Promise(setImmediate);
    }
  }
}

function keyOfApps(apps: readonly string[] | null): string {
  return apps === null ? '' : JSON.stringify(apps);
}

function metricsMessage(payload: RealtimePoint): string {
  return JSON.stringify({ type: 'realtime_metrics', payload });
}

function describeError(error: unknown): { code: ProblemCode; detail: string } {
  if (error instanceof HttpProblem) return { code: error.code, detail: error.message };
  return { code: 'internal', detail: 'The message could not be handled.' };
}
