/** The bytes of a request body, read within a limit. */
import type { IncomingMessage } from 'node:http';
import { HttpProblem } from '../http/problem.ts';

/** The upload broke off: there is nobody left to answer. */
export class UploadAborted extends Error {
  constructor(options?: ErrorOptions) {
    super('the upload broke off', options);
    this.name = 'UploadAborted';
  }
}

export interface BodyBudget {
  readonly bytesMax: number;
  /** Told of each chunk; false: there is no room for it. */
  take(bytes: number): boolean;
  /** What to reject with when there is no room. */
  full(): HttpProblem;
}

/** The declared length, null when chunked. Node's parser has refused what is no number. */
export function readDeclaredLength(request: IncomingMessage): number | null {
  const text = request.headers['content-length'];
  return text === undefined ? null : Number(text);
}

export function bodyTooLarge(bytesMax: number): HttpProblem {
  return new HttpProblem('body_too_large', `The body has more than ${bytesMax} bytes.`, {
    extra: { limit_bytes: bytesMax },
  });
}

/**
 * Reads to the end. What it rejects with leaves the request paused, for the caller to answer and to drain.
 * @throws HttpProblem `body_too_large`, `overloaded`; UploadAborted
 */
export function readBody(request: IncomingMessage, budget: BodyBudget): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;

    function fail(error: Error): void {
      request.off('data', onData);
      request.off('end', onEnd);
      request.pause();
      reject(error);
    }
    function onData(chunk: Buffer): void {
      bytes += chunk.length;
      if (bytes > budget.bytesMax) {
        fail(bodyTooLarge(budget.bytesMax));
      } else if (!budget.take(chunk.length)) {
        fail(budget.full());
      } else {
        chunks.push(chunk);
      }
    }
    function onEnd(): void {
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes));
    }

    request.on('data', onData);
    request.on('end', onEnd);
    request.on('error', (error) => reject(new UploadAborted({ cause: error })));
    // Comes after `end` too, when all is well.
    request.on('close', () => {
      if (!request.complete) reject(new UploadAborted());
    });
  });
}

const drainBytesMax = 16_777_216;
const drainMs = 2000;

/**
 * Reads and forgets what a refused client is still sending, then calls `done`. Closing at once would reset the
 * connection, and the client would see the reset instead of the answer.
 */
export function drainBody(request: IncomingMessage, done: () => void): void {
  let bytes = 0;
  const timer = setTimeout(finish, drainMs);
  function finish(): void {
    clearTimeout(timer);
    request.off('data', onData);
    request.off('end', finish);
    request.off('close', finish);
    done();
  }
  function onData(chunk: Buffer): void {
    bytes += chunk.length;
    if (bytes > drainBytesMax) finish();
  }
  request.on('data', onData);
  request.on('end', finish);
  request.on('close', finish);
  request.resume();
}
