import { connect, type Socket } from 'node:net';

/**
 * One keep-alive connection that speaks just enough HTTP/1.1: a request is finished bytes, an answer a status and a
 * Content-Length. One request at a time.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #onAnswer: (status: number) => void;
  /** What came of an answer that is not yet whole; null when it began and ended in one read, as nearly all do. */
  #pending: Buffer | null = null;
  #waiting = false;
  #closing = false;

  /** `onAnswer` gets the status, or 0 when the connection ended without one. */
  static open(host: string, port: number, onAnswer: (status: number) => void): Promise<Connection> {
    return new Promise((resolve, reject) => {
      let connection: Connection | null = null;
      const socket = connect({
        host,
        port,
        noDelay: true,
        // One buffer for all reads, since an answer is a few hundred bytes and is read at once.
        onread: {
          buffer: Buffer.allocUnsafe(16_384),
          callback: (length, buffer) => {
            connection?.receive(Buffer.from(buffer.buffer, buffer.byteOffset, length));
            return true;
          },
        },
      });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        connection = new Connection(socket, onAnswer);
        resolve(connection);
      });
    });
  }

  private constructor(socket: Socket, onAnswer: (status: number) => void) {
    this.#socket = socket;
    this.#onAnswer = onAnswer;
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#lose());
  }

  /** The bytes must stay as they are until the answer. */
  send(request: Buffer): void {
    this.#waiting = true;
    if (this.#socket.destroyed) setImmediate(() => this.#lose());
    else this.#socket.write(request);
  }

  close(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  receive(chunk: Buffer): void {
    const bytes = this.#pending === null ? chunk : Buffer.concat([this.#pending, chunk]);
    const status = readAnswer(bytes);
    if (status === null) {
      this.#pending = Buffer.from(bytes);
      return;
    }
    this.#pending = null;
    this.#waiting = false;
    this.#onAnswer(status);
  }

  #lose(): void {
    if (this.#closing || !this.#waiting) return;
    this.#waiting = false;
    this.#onAnswer(0);
  }
}

/** The status of an answer, once all of it is there. */
export function readAnswer(bytes: Buffer): number | null {
  const text = bytes.toString('latin1');
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text);
  const bodyBytes = length === null ? 0 : Number(length[1]);
  return text.length >= headEnd + 4 + bodyBytes ? Number(text.slice(9, 12)) : null;
}
