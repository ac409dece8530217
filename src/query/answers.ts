/**
 * Answers that are given more than once, for every question in one place.
 *
 * In: a question (route, parameters, the apps that its caller may see) and a way to answer it. Out: the bytes of the
 * answer. An answer is given again only if it began to be made less than `freshMs` ago, and nobody changed anything through
 * this process since; so it is what a new one would have been at most that long ago. One that took long lives longer, by
 * AGE_FACTOR times what it took up to AGE_MAX times `freshMs`: many who look at many pages wait for none of them and keep
 * a machine busy for a known share of its time. Who comes in the second half of its life gets it too, and it is made anew
 * behind them. Equal questions that come together are asked once. An answer about a time that is over lives longer, as long
 * as nothing landed there since. A question that says so itself is answered from what was made in its own time, whatever
 * was stored meanwhile.
 */
import { hash } from 'node:crypto';
import type { Cache } from '../cache/cache.ts';
import { Crowd, workFor } from './crowd.ts';

export interface AnswersOptions {
  readonly cache: Cache;
  /** 0: every question is asked afresh. */
  readonly freshMs: number;
  /** How long an answer about a time that is over is kept; it is held against the store each time. */
  readonly settledMs: number;
  /** Somebody asks afresh: what answers are made of is to be looked at anew, too. Default: nothing. */
  readonly afresh?: () => void;
  /**
   * What became of a question: `hit` from the cache, `shared` with one under way, `settled`, `miss`, `afresh`. One that is
   * made anew after a hit is a `miss` or `settled` of its own.
   */
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
  /**
   * Rejects as `make` does. What `make` asks ends when all who wait for its answer have left; not so behind them, nor when
   * the answer is going to be kept.
   * @param leaving aborted when the caller leaves. Default: it stays.
   */
  give(question: Question, make: () => Promise<Uint8Array>, leaving?: AbortSignal): Promise<Uint8Array>;
  /** Something was changed through this process: what was made before is not given again. */
  changed(): void;
  /** What was counted is gone: of what was made before nothing is given again, whatever it was made for. */
  forget(): void;
}

/** A question that is asked all the time is being answered for a tenth of it, since half a life later it is made anew. */
const AGE_FACTOR = 20;
/** In `freshMs`. */
const AGE_MAX = 60;

interface Flight {
  /** By `performance.now()`. */
  readonly beganAt: number;
  readonly crowd: Crowd;
  readonly answer: Promise<Uint8Array>;
}

export function createAnswers(options: AnswersOptions): Answers {
  const { cache, freshMs, settledMs, observe } = options;
  const flights = new Map<string, Flight>();
  const renewing = new Set<string>();
  let changes = 0;
  let forgotten = 0;
  let changedAt = Number.NEGATIVE_INFINITY;
  // Changes count from the start of a process, so another process's answers are not for this one once it changed something.
  const self = hash('sha256', `${process.pid} ${performance.timeOrigin}`, 'base64url').slice(0, 8);

  function version(): string {
    // Once that time is over nobody gives out an answer that began before the change.
    return performance.now() - changedAt > AGE_MAX * freshMs ? '' : `${self} ${changes}`;
  }

  async function makeAndKeep(
    key: string,
    question: Question,
    make: () => Promise<Uint8Array>,
  ): Promise<Uint8Array> {
    const beganAt = performance.now();
    const { settled } = question;
    const settledKey = settled === null ? null : keyOf(question, `until ${settled.range}`);
    // Before the answer is made: what lands while it is made then makes it one that does not last.
    const stamp = settled === null ? null : await settled.stamp();
    const kept = stamp === null ? null : await readSettled(settledKey!, stamp);
    const answer = kept ?? (await make());
    observe(kept === null ? 'miss' : 'settled');
    if (stamp !== null && kept === null) await cache.set(settledKey!, withStamp(stamp, answer), settledMs);
    // A settled one is as of this moment again; its age counts from the look at the store.
    const tookMs = performance.now() - beganAt;
    const lastsMs = Math.min(Math.max(freshMs, AGE_FACTOR * tookMs), AGE_MAX * freshMs);
    const leftMs = lastsMs - tookMs;
    if (leftMs >= 1)
      await cache.set(key, withStamp(String(Math.ceil(Date.now() + leftMs - lastsMs / 2)), answer), leftMs);
    return answer;
  }

  /** Behind the one who came; whoever comes next finds it, or the one before. A failure is for those who find nothing. */
  function renew(key: string, question: Question, make: () => Promise<Uint8Array>): void {
    if (renewing.has(key)) return;
    renewing.add(key);
    new Crowd()
      .work(() => makeAndKeep(key, question, make))
      .catch(() => {})
      .finally(() => renewing.delete(key));
  }

  /** What was made before, and whether it is in the second half of its life. */
  async function readMade(key: string): Promise<{ answer: Uint8Array; old: boolean } | null> {
    const found = await cache.get(key);
    if (found === null) return null;
    const { stamp, answer } = parted(found);
    return { answer, old: Date.now() >= Number(stamp) };
  }

  async function readSettled(key: string, stamp: string): Promise<Uint8Array | null> {
    const found = await cache.get(key);
    if (found === null) return null;
    const kept = parted(found);
    return kept.stamp === stamp ? kept.answer : null;
  }

  async function giveKept(
    question: Question,
    keptMs: number,
    make: () => Promise<Uint8Array>,
    leaving: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    const key = keyOf(question, forgotten === 0 ? 'kept' : `kept ${self} ${forgotten}`);
    const afresh = question.afresh || freshMs === 0 || keptMs === 0;
    if (afresh) options.afresh?.();
    const under = flights.get(key);
    if (under !== undefined && !under.crowd.gone && !afresh) {
      observe('shared');
      under.crowd.join(leaving);
      return await under.answer;
    }
    const keeps = freshMs > 0 && keptMs > 0;
    const crowd = new Crowd();
    crowd.join(keeps ? undefined : leaving);
    const answer = crowd.work(async () => {
      const found = afresh ? null : await cache.get(key);
      observe(found !== null ? 'hit' : afresh ? 'afresh' : 'miss');
      if (found !== null) return found;
      const made = await make();
      if (keeps) await cache.set(key, made, keptMs);
      return made;
    });
    return await follow(key, { beganAt: performance.now(), crowd, answer });
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
    async give(question, make, leaving) {
      if (question.keptMs !== undefined) return await giveKept(question, question.keptMs, make, leaving);
      if (freshMs === 0 || question.afresh) {
        options.afresh?.();
        observe('afresh');
        return await workFor(leaving, make);
      }
      const key = keyOf(question, version());
      const under = flights.get(key);
      const isYoung = under !== undefined && performance.now() - under.beganAt <= AGE_MAX * freshMs;
      if (isYoung && !under.crowd.gone) {
        observe('shared');
        under.crowd.join(leaving);
        return await under.answer;
      }
      const beganAt = performance.now();
      const crowd = new Crowd();
      crowd.join(leaving);
      const answer = crowd.work(async () => {
        const found = await readMade(key);
        if (found === null) return await makeAndKeep(key, question, make);
        observe('hit');
        if (found.old) renew(key, question, make);
        return found.answer;
      });
      return await follow(key, { beganAt, crowd, answer });
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

function parted(kept: Uint8Array): { readonly stamp: string; readonly answer: Uint8Array } {
  const end = kept.indexOf(0);
  return { stamp: Buffer.from(kept.subarray(0, end)).toString(), answer: kept.subarray(end + 1) };
}
