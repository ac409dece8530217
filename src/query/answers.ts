/**
 * Answers that are given more than once, for every question in one place.
 *
 * In: a question (route, parameters, the apps that its caller may see) and a way to answer it. Out: the bytes of the
 * answer. An answer is given again only if it began to be made less than `freshMs` ago, and nobody changed anything through
 * this process since; so it is what a new one would have been at most that long ago. Equal questions that come together
 * are asked once, by the same rule. An answer about a time that is over lives longer, as long as nothing landed there since. A
 * question that says so itself is answered from what was made in its own time, whatever was stored meanwhile.
 */
import { hash } from 'node:crypto';
import type { Cache } from '../cache/cache.ts';

export interface AnswersOptions {
  readonly cache: Cache;
  /** 0: every question is asked afresh. */
  readonly freshMs: number;
  /** How long an answer about a time that is over is kept; it is held against the store each time. */
  readonly settledMs: number;
  /** Somebody asks afresh: what answers are made of is to be looked at anew, too. Default: nothing. */
  readonly afresh?: () => void;
  /** What became of a question: `hit` from the cache, `shared` with one under way, `settled`, `miss`, `afresh`. */
  readonly observe: (outcome: AnswerOutcome) => void;
}

export type AnswerOutcome = 'hit' | 'shared' | 'settled' | 'miss' | 'afresh';

export interface Question {
  /** Of the route, for people who look into the cache. */
  readonly name: string;
  /** The day or the range that it is about, as it was asked for. */
  readonly date: string;
  /** All that decides the answer: path, parameters, the apps that the caller may see. */
  readonly parts: unknown;
  /** The caller wants it asked anew. */
  readonly afresh: boolean;
  /**
   * For a question about a time that is over: its range, in epoch ms, and what changes when something lands there.
   * The stamp is null while something may.
   */
  readonly settled: { readonly range: string; readonly stamp: () => Promise<string | null> } | null;
  /**
   * For a question that is dear, and whose answer may lag: it is given for so long, whatever is stored meanwhile; asked
   * afresh, it is the next one's too. Default: not.
   */
  readonly keptMs?: number;
}

export interface Answers {
  /** Rejects as `make` does. */
  give(question: Question, make: () => Promise<Uint8Array>): Promise<Uint8Array>;
  /** Something was changed through this process: what was made before is not given again. */
  changed(): void;
  /** What was counted is gone: of what was made before nothing is given again, whatever it was made for. */
  forget(): void;
}

interface Flight {
  readonly beganAt: number;
  readonly answer: Promise<Uint8Array>;
}

export function createAnswers(options: AnswersOptions): Answers {
  const { cache, freshMs, settledMs, observe } = options;
  const flights = new Map<string, Flight>();
  let changes = 0;
  let forgotten = 0;
  let changedAt = Number.NEGATIVE_INFINITY;
  // Changes count from the start of a process, so another process's answers are not for this one once it changed something.
  const self = hash('sha256', `${process.pid} ${performance.timeOrigin}`, 'base64url').slice(0, 8);

  function version(): string {
    // Once that time is over nobody gives out an answer that began before the change.
    return performance.now() - changedAt > freshMs ? '' : `${self} ${changes}`;
  }

  async function makeAndKeep(
    key: string,
    settledKey: string | null,
    question: Question,
    make: () => Promise<Uint8Array>,
  ): Promise<Uint8Array> {
    const beganAt = performance.now();
    // Before the answer is made: what lands while it is made then makes it one that does not last.
    const stamp = question.settled === null ? null : await question.settled.stamp();
    const kept = stamp === null ? null : await readSettled(settledKey!, stamp);
    const answer = kept ?? (await make());
    observe(kept === null ? 'miss' : 'settled');
    if (stamp !== null && kept === null) await cache.set(settledKey!, withStamp(stamp, answer), settledMs);
    // A settled one is as of this moment again; its age counts from the look at the store.
    const left = freshMs - (performance.now() - beganAt);
    if (left >= 1) await cache.set(key, answer, left);
    return answer;
  }

  async function readSettled(key: string, stamp: string): Promise<Uint8Array | null> {
    const found = await cache.get(key);
    if (found === null) return null;
    const end = found.indexOf(0);
    return Buffer.from(found.subarray(0, end)).toString() === stamp ? found.subarray(end + 1) : null;
  }

  async function giveKept(
    question: Question,
    keptMs: number,
    make: () => Promise<Uint8Array>,
  ): Promise<Uint8Array> {
    const key = keyOf(question, forgotten === 0 ? 'kept' : `kept ${self} ${forgotten}`);
    const afresh = question.afresh || freshMs === 0 || keptMs === 0;
    if (afresh) options.afresh?.();
    const under = flights.get(key);
    if (under !== undefined && !afresh) {
      observe('shared');
      return await under.answer;
    }
    const answer = (async () => {
      const found = afresh ? null : await cache.get(key);
      observe(found !== null ? 'hit' : afresh ? 'afresh' : 'miss');
      if (found !== null) return found;
      const made = await make();
      if (freshMs > 0 && keptMs > 0) await cache.set(key, made, keptMs);
      return made;
    })();
    return await follow(key, { beganAt: performance.now(), answer });
  }

  /** Those who come meanwhile find it. */
  async function follow(key: string, flight: Flight): Promise<Uint8Array> {
    flights.set(key, flight);
    try {
      return await flight.answer;
    } finally {
      if (flights.get(key) === flight) flights.delete(key);
    }
  }

  function changed(): void {
    changes++;
    changedAt = performance.now();
  }

  return {
    async give(question, make) {
      if (question.keptMs !== undefined) return await giveKept(question, question.keptMs, make);
      if (freshMs === 0 || question.afresh) {
        options.afresh?.();
        observe('afresh');
        return await make();
      }
      const key = keyOf(question, version());
      const under = flights.get(key);
      if (under !== undefined && performance.now() - under.beganAt <= freshMs) {
        observe('shared');
        return await under.answer;
      }
      const beganAt = performance.now();
      const settledKey =
        question.settled === null ? null : keyOf(question, `until ${question.settled.range}`);
      const answer = (async () => {
        const found = await cache.get(key);
        if (found === null) return await makeAndKeep(key, settledKey, question, make);
        observe('hit');
        return found;
      })();
      return await follow(key, { beganAt, answer });
    },
    changed,
    forget() {
      forgotten++;
      changed();
    },
  };
}

function keyOf({ name, date, parts }: Question, version: string): string {
  return `analytics:${name}:${date}:${hash('sha256', JSON.stringify([parts, version]), 'base64url')}`;
}

function withStamp(stamp: string, answer: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${stamp}\0`), answer]);
}
