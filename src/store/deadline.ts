/** How long a request may take, beside the caller's own wish to end it. */
export interface Deadline {
  readonly signal: AbortSignal;
  readonly passed: () => boolean;
  readonly stop: () => void;
  readonly ms: number;
}

export function startDeadline(ms: number, caller: AbortSignal | undefined): Deadline {
  const own = new AbortController();
  const timer = setTimeout(() => own.abort(), ms);
  const signal = caller === undefined ? own.signal : AbortSignal.any([own.signal, caller]);
  return { signal, passed: () => own.signal.aborted, stop: () => clearTimeout(timer), ms };
}

/** Waits no longer than the signal lets it; the promise itself goes on. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((done, refuse) => {
    const onAbort = () => refuse(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(done, refuse).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
