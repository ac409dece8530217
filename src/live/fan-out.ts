import { WebSocket } from 'ws';

/** Somebody that is sent to. */
export interface Receiver {
  readonly socket: WebSocket;
  /** Since when more than the limit waits to be sent; 0 when it does not. By the clock of `now`. */
  slowSince: number;
}

interface FanOutOptions {
  /** Sockets written to before others on the event loop get their turn. */
  readonly sliceSockets: number;
  /** Bytes that may wait in one socket; over it the socket is skipped. */
  readonly bufferedBytesMax: number;
  /** A socket that stays over it for so long is given up. */
  readonly slowAfterMs: number;
  /** Messages that wait for their turn; further ones are dropped, as the next ones say the same, but later. */
  readonly messagesMax: number;
  readonly now: () => number;
  readonly giveUp: (receiver: Receiver) => void;
}

interface Message {
  readonly receivers: readonly Receiver[];
  readonly data: Buffer;
  next: number;
}

/**
 * Sends one text to many sockets, a slice at a time: 10,000 in one go would hold up ingest for 150 to 235 ms. Messages
 * go out in the order of their sending. A slow reader costs its own messages, nobody else's.
 */
export class FanOut {
  readonly #options: FanOutOptions;
  #waiting: Message[] = [];
  #scheduled: NodeJS.Immediate | null = null;

  constructor(options: FanOutOptions) {
    this.#options = options;
  }

  /** False when there was no room for it. */
  send(receivers: readonly Receiver[], text: string): boolean {
    if (receivers.length === 0) return true;
    if (this.#waiting.length >= this.#options.messagesMax) return false;
    this.#waiting.push({ receivers, data: Buffer.from(text), next: 0 });
    this.#scheduled ??= setImmediate(() => this.#work());
    return true;
  }

  stop(): void {
    if (this.#scheduled !== null) clearImmediate(this.#scheduled);
    this.#scheduled = null;
    this.#waiting = [];
  }

  #work(): void {
    this.#scheduled = null;
    let left = this.#options.sliceSockets;
    let done = 0;
    while (left > 0 && done < this.#waiting.length) {
      const message = this.#waiting[done]!;
      const end = Math.min(message.next + left, message.receivers.length);
      left -= end - message.next;
      for (; message.next < end; message.next++) this.#write(message.receivers[message.next]!, message.data);
      if (end === message.receivers.length) done++;
    }
    this.#waiting.splice(0, done);
    if (this.#waiting.length > 0) this.#scheduled = setImmediate(() => this.#work());
  }

  #write(receiver: Receiver, data: Buffer): void {
    const { socket } = receiver;
    if (socket.readyState !== WebSocket.OPEN) return;
    const { bufferedBytesMax, slowAfterMs, now, giveUp } = this.#options;
    if (socket.bufferedAmount <= bufferedBytesMax) {
      receiver.slowSince = 0;
      socket.send(data, { binary: false });
    } else if (receiver.slowSince === 0) receiver.slowSince = now();
    else if (now() - receiver.slowSince >= slowAfterMs) giveUp(receiver);
  }
}
