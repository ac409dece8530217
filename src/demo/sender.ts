/**
 * Sends events in batches until the service has taken or refused each of them.
 * In: events, in the order in which they leave. Out: `taken` or `givenUp` once for each.
 * 1. A 202 settles a batch, its verdicts by index. 2. On 429, 503, any 5xx or no answer at all the same batch with the
 * same ids goes again, so that duplicates happen for real. 3. Only `stop` gives up what is not settled.
 */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Clock } from './clock.ts';
import { type Answer, type Post, readJson } from './service.ts';
import type { DemoEvent } from './visit.ts';

const gzipAsync = promisify(gzip);
const backoffFirstMs = 250;
const backoffMaxMs = 5_000;
export const batchEventsMax = 500;

export interface SenderStats {
  requests: number;
  /** Good events that were taken. */
  taken: number;
  /** Bad events that were refused, as they have to be. */
  refusedBad: number;
  /** 429 and 5xx. */
  pushedBack: number;
  networkErrors: number;
  /** Events of requests whose outcome is not known. */
  uncertain: number;
  /** What went otherwise than it should: good events refused, by code, and bad ones taken. */
  readonly surprises: Map<string, number>;
}

export interface SenderOptions {
  readonly post: Post;
  readonly clock: Clock;
  readonly connections: number;
  readonly taken: (event: DemoEvent) => void;
  readonly givenUp: (event: DemoEvent) => void;
}

export interface Sender {
  readonly stats: SenderStats;
  /** Events neither settled nor given up. */
  readonly pending: number;
  send(events: readonly DemoEvent[]): void;
  /** Resolves when no more than `most` events are pending. Rejects with SenderError when the service refuses us. */
  below(most: number): Promise<void>;
  /** Gives up everything that is not settled. */
  stop(): Promise<void>;
}

/** The service will not take our events however often we ask. The message says what to do. */
export class SenderError extends Error {}

interface Verdict {
  readonly index: number;
  readonly code: string;
}

function readVerdicts(text: string): Verdict[] | null {
  const body = readJson(text) as { results?: unknown } | null;
  return Array.isArray(body?.results) ? (body.results as Verdict[]) : null;
}

/** Batches go out in the three forms the service takes, every fourth one compressed. */
async function encode(
  events: readonly DemoEvent[],
  number: number,
): Promise<[Uint8Array, Record<string, string>]> {
  const lines = events.map((event) => JSON.stringify(event.body));
  const form = number % 3;
  const type = form === 0 ? 'application/x-ndjson' : 'application/json';
  const text =
    form === 0 ? `${lines.join('\n')}\n` : form === 1 ? `[${lines.join()}]` : `{"events":[${lines.join()}]}`;
  const headers = { 'content-type': type };
  if (number % 4 !== 3) return [Buffer.from(text), headers];
  return [await gzipAsync(text, { level: 1 }), { ...headers, 'content-encoding': 'gzip' }];
}

function refusalAdvice({ status, text }: Answer): string {
  const detail = (readJson(text) as { detail?: string } | null)?.detail ?? text.slice(0, 200);
  if (status === 401) return 'The service wants an API key: give one with the scope "ingest" as --api-key.';
  if (status === 403) return `The service does not take events from here (403): ${detail}`;
  if (status === 404)
    return 'There is no POST /events at this address: check --url, and that the role "ingest" runs there.';
  return `The service refused a whole batch (${status}): ${detail}`;
}

export function createSender({ post, clock, connections, taken, givenUp }: SenderOptions): Sender {
  const queue: DemoEvent[] = [];
  const stopping = new AbortController();
  const waiters = new Set<() => void>();
  const stats: SenderStats = {
    requests: 0,
    taken: 0,
    refusedBad: 0,
    pushedBack: 0,
    networkErrors: 0,
    uncertain: 0,
    surprises: new Map(),
  };
  let inFlight = 0;
  let busy = 0;
  let batches = 0;
  let notBefore = 0;
  let failure: SenderError | null = null;

  const surprise = (what: string) => stats.surprises.set(what, (stats.surprises.get(what) ?? 0) + 1);
  const wake = () => {
    for (const waiter of waiters) waiter();
  };

  function settle(events: readonly DemoEvent[], verdicts: readonly Verdict[]): void {
    const refused = new Map(verdicts.map(({ index, code }) => [index, code]));
    for (const [i, event] of events.entries()) {
      const code = refused.get(i);
      if (code === undefined) {
        if (event.role === 'bad') surprise('a bad event was taken');
        else stats.taken++;
        taken(event);
        continue;
      }
      if (event.role === 'bad') stats.refusedBad++;
      else surprise(`a good event was refused: ${code}`);
      givenUp(event);
    }
  }

  function giveUp(events: readonly DemoEvent[]): void {
    for (const event of events) givenUp(event);
  }

  /** One attempt. True when the batch is settled, false when it has to go again after a pause. */
  async function attempt(events: readonly DemoEvent[], body: Uint8Array, headers: Record<string, string>) {
    stats.requests++;
    const answer = await post(body, headers);
    const { status } = answer;
    if (status === 429 || status >= 500) {
      stats.pushedBack++;
      // The pause is everyone's: the service asked for quiet, not for another connection.
      if (answer.retryAfterMs !== null) notBefore = Math.max(notBefore, clock.now() + answer.retryAfterMs);
      return false;
    }
    const verdicts = readVerdicts(answer.text) ?? (status >= 200 && status < 300 ? [] : null);
    if (verdicts === null || status === 413) {
      failure ??= new SenderError(refusalAdvice(answer));
      giveUp(events);
      return true;
    }
    settle(events, verdicts);
    return true;
  }

  async function deliver(events: readonly DemoEvent[]): Promise<void> {
    const [body, headers] = await encode(events, batches++);
    let unknown = false;
    for (let pause = backoffFirstMs; ; pause = Math.min(2 * pause, backoffMaxMs)) {
      while (clock.now() < notBefore && !stopping.signal.aborted) {
        await clock.sleep(notBefore - clock.now(), stopping.signal);
      }
      if (stopping.signal.aborted || failure) {
        if (unknown) stats.uncertain += events.length;
        giveUp(events);
        return;
      }
      try {
        if (await attempt(events, body, headers)) return;
      } catch {
        stats.networkErrors++;
        unknown = true;
      }
      if (clock.now() >= notBefore) await clock.sleep(pause, stopping.signal);
    }
  }

  function pump(): void {
    while (busy < connections && queue.length > 0) {
      const events = queue.splice(0, batchEventsMax);
      busy++;
      inFlight += events.length;
      void deliver(events).finally(() => {
        busy--;
        inFlight -= events.length;
        pump();
        wake();
      });
    }
  }

  const sender: Sender = {
    stats,
    get pending() {
      return queue.length + inFlight;
    },
    send(events) {
      for (const event of events) queue.push(event);
      pump();
    },
    below(most) {
      return new Promise((resolve, reject) => {
        const look = () => {
          if (failure === null && sender.pending > most) return;
          waiters.delete(look);
          if (failure) reject(failure);
          else resolve();
        };
        waiters.add(look);
        look();
      });
    },
    async stop() {
      stopping.abort();
      giveUp(queue.splice(0));
      await sender.below(0).catch(() => undefined);
    },
  };
  return sender;
}
