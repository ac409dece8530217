import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SessionMemory } from '../../../src/pipeline/steps/sessions.ts';

const MINUTE = 60_000;
const GAP = 30 * MINUTE;
const ROUNDS = Number(process.env.SESSION_ROUNDS ?? 500);

function createMemory(since = 0, options: { turnMs?: number; actorsMax?: number } = {}): SessionMemory {
  return new SessionMemory(since, { turnMs: 120 * MINUTE, actorsMax: 1_000, ...options });
}

test('30 minutes of silence end a session, on either side, to the millisecond', () => {
  const memory = createMemory();
  const first = memory.assign(1n, 100 * MINUTE);
  assert.equal(memory.assign(1n, 100 * MINUTE + GAP), first);
  assert.equal(memory.assign(1n, 100 * MINUTE - GAP), first, 'a late one, before its beginning');
  assert.notEqual(memory.assign(1n, 100 * MINUTE + 2 * GAP + 1), first);
  assert.notEqual(memory.assign(1n, 100 * MINUTE - 2 * GAP - 1), first);
  assert.notEqual(memory.assign(2n, 100 * MINUTE), first, 'another actor');
});

test('between two sessions: the nearer one, on a tie the earlier', () => {
  const memory = createMemory();
  const early = memory.assign(1n, 0);
  const late = memory.assign(1n, 50 * MINUTE);
  assert.notEqual(early, late);
  assert.equal(memory.assign(1n, 25 * MINUTE), early, 'a tie');
  assert.equal(memory.assign(1n, 38 * MINUTE), late);
  assert.equal(memory.assign(1n, 30 * MINUTE), early, 'they grow towards each other and never merge');
});

test('what ClickHouse knows is joined, and parts of one session are one', () => {
  const memory = createMemory();
  memory.remember(1n, 77n, 10 * MINUTE, 20 * MINUTE);
  memory.remember(1n, 77n, 40 * MINUTE, 41 * MINUTE);
  assert.equal(memory.assign(1n, 71 * MINUTE), 77n);
  memory.remember(1n, 77n, 15 * MINUTE, 16 * MINUTE);
  assert.equal(memory.assign(1n, 101 * MINUTE), 77n, 'a part does not make it shorter');
});

test('a batch decided again gives the same sessions', () => {
  const property = fc.property(fc.array(fc.nat({ max: 400 }), { maxLength: 40 }), (minutes) => {
    const memory = createMemory();
    const once = minutes.map((at) => memory.assign(1n, at * MINUTE));
    assert.deepEqual(
      minutes.map((at) => memory.assign(1n, at * MINUTE)),
      once,
    );
  });
  fc.assert(property, { numRuns: ROUNDS });
});

interface Modelled {
  first: number;
  last: number;
  readonly name: bigint;
}

/** The rule, by brute force over all sessions ever. */
function modelled(sessions: Modelled[], at: number, name: bigint): bigint {
  const gapTo = (s: Modelled) => Math.max(s.first - at, at - s.last, 0);
  const near = sessions
    .filter((s) => gapTo(s) <= GAP)
    .sort((a, b) => gapTo(a) - gapTo(b) || a.first - b.first);
  const own = near[0] ?? { first: at, last: at, name };
  if (near.length === 0) sessions.push(own);
  own.first = Math.min(own.first, at);
  own.last = Math.max(own.last, at);
  return own.name;
}

test('as the rule says, through turns of memory, with late events loaded as the pipeline loads them', () => {
  const event = fc.record({
    actor: fc.bigInt({ min: 1n, max: 3n }),
    at: fc.nat({ max: 100 }),
    later: fc.nat({ max: 30 }),
  });
  const batches = fc.array(fc.array(event, { minLength: 1, maxLength: 8 }), { maxLength: 15 });
  const sizes = fc.record({
    turnMs: fc.constantFrom(30 * MINUTE, 120 * MINUTE),
    actorsMax: fc.constantFrom(2, 100),
  });
  const property = fc.property(batches, sizes, (all, options) => {
    const memory = createMemory(0, options);
    const model = new Map<bigint, Modelled[]>();
    const stored: { actor: bigint; hash: bigint; at: number }[] = [];
    let receivedAt = 0;
    for (const events of all) {
      const received = events.map((e) => {
        receivedAt += e.later * MINUTE;
        return { ...e, receivedAt };
      });
      // At most what has happened by then, any time back.
      const made = received.map((e) => ({ ...e, at: Math.max(0, e.receivedAt - e.at * MINUTE) }));
      memory.turnIfDue(received[0]!.receivedAt);
      for (const { actor, at } of made) {
        if (at >= memory.since + GAP) continue;
        for (const row of stored)
          if (row.actor === actor && Math.abs(row.at - at) <= GAP)
            memory.remember(actor, row.hash, row.at, row.at);
      }
      const batch = made.map(({ actor, at }) => ({ actor, at, hash: memory.assign(actor, at) }));
      for (const { actor, at, hash } of batch) {
        const sessions = model.get(actor) ?? [];
        model.set(actor, sessions);
        assert.equal(hash, modelled(sessions, at, hash), `actor ${actor} at ${at / MINUTE}`);
      }
      stored.push(...batch);
    }
  });
  fc.assert(property, { numRuns: ROUNDS });
});

test('memory turns when it is old or full, and only when it is told to', () => {
  const memory = createMemory(0, { turnMs: 10, actorsMax: 4 });
  memory.assign(1n, 0);
  assert.equal(memory.since, 0);
  memory.turnIfDue(9);
  assert.equal(memory.since, 0);
  memory.turnIfDue(10);
  memory.turnIfDue(20);
  assert.equal(memory.since, 10);
  for (let actor = 1n; actor < 100n; actor++) memory.assign(actor, Number(actor) * GAP);
  assert.equal(memory.since, 10);
  memory.turnIfDue(21);
  assert.equal(memory.since, 20, 'full');
});
