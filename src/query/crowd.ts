/**
 * Those who wait for one answer. In: callers, each with the signal of its leaving. Out: a signal for the statements that
 * make the answer, aborted when the last caller has left; it reaches them through the asynchronous context, since a
 * question is many calls deep and none of them knows who waits.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { ServerResponse } from 'node:http';
import { HttpProblem } from '../http/problem.ts';

const working = new AsyncLocalStorage<AbortSignal>();

/** Aborted when nobody waits any more for the answer that is being made here. Undefined where none is. */
export const nobodyWaits = (): AbortSignal | undefined => working.getStore();

/** Aborted when the connection closes, and when all was sent. */
export function leavingOf(response: ServerResponse): AbortSignal {
  const leaving = new AbortController();
  response.once('close', () => leaving.abort());
  return leaving.signal;
}

export class Crowd {
  readonly #alone = new AbortController();
  #waiting = 0;

  /** Whether all have left, so that the answer will not come. */
  get gone(): boolean {
    return this.#alone.signal.aborted;
  }

  /** @param leaving undefined for somebody who stays, whatever happens */
  join(leaving: AbortSignal | undefined): void {
    this.#waiting++;
    const leave = () => {
      // Not seen by anybody; it stands in the log of requests as what a cancelled query is.
      if (--this.#waiting === 0) this.#alone.abort(new HttpProblem('query_timeout', 'The caller has left.'));
    };
    if (leaving?.aborted) leave();
    else leaving?.addEventListener('abort', leave, { once: true });
  }

  /** Makes the answer, with statements that end when all have left. Of a crowd that nobody joined it is never so. */
  async work<T>(make: () => Promise<T>): Promise<T> {
    return await working.run(this.#alone.signal, make);
  }
}

/** Makes an answer for one caller alone. */
export async function workFor<T>(leaving: AbortSignal | undefined, make: () => Promise<T>): Promise<T> {
  const crowd = new Crowd();
  crowd.join(leaving);
  return await crowd.work(make);
}
