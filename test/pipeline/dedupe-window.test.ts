import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CLOCK_MARGIN_MS, DedupeWindow, type Verdict } from '../../src/pipeline/dedupe-window.ts';

const WINDOW_MS = 1_000;
const ROUNDS = Number(process.env.DEDUPE_ROUNDS ?? 300);

interface Look {
  readonly app: number;
  readonly id: readonly [number, number, number, number];
  readonly payload?: number;
  readonly at?: number;
  readonly created?: number;
}

/** Without `created`: the event was made as late as a clock may say without running ahead, so not received before. */
function check(window: DedupeWindow, look: Look): Verdict {
  const { app, id, payload = 1, at = 0, created = at + CLOCK_MARGIN_MS } = look;
  // Not at the start of the array, as rows of a block are not.
  const words = Uint32Array.from([9, 9, 9, 9, ...id]);
  window.take([0, app], words, 1, 2);
  return window.check(0, payload, 0, at, created);
}

function createWindow(entriesMax = 1_000_000, start = 0, filterBytesMax = 0): DedupeWindow {
  return new DedupeWindow({ windowMs: WINDOW_MS, entriesMax, filterBytesMax }, start);
}

/** Everything remembered so far is stored. */
function store(window: DedupeWindow): void {
  window.settle(window.added);
}

test('the same id again is a duplicate, with another payload a collision, in another app new', () => {
  const window = createWindow();
  const id = [1, 2, 3, 4] as const;
  assert.equal(check(window, { app: 7, id }), 'new');
  assert.equal(check(window, { app: 7, id }), 'duplicate');
  assert.equal(check(window, { app: 7, id, payload: 2 }), 'collision');
  assert.equal(check(window, { app: 8, id, payload: 2 }), 'new');
  assert.equal(check(window, { app: 7, id }), 'duplicate', 'the first payload stays');
  assert.equal(window.size, 2);
});

test('words of zero, of ones, and ids in a row are told apart; memory grows', () => {
  const window = createWindow();
  const ids: (readonly [number, number, number, number])[] = [
    [0, 0, 0, 0],
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
  ];
  // What clients make: one word counts up, whichever, the others stay; and time and counter together, as in version 7.
  for (let i = 1; i < 20_000; i++) {
    ids.push([i, 0, 0, 0], [0, i, 0, 0], [0, 0, i, 0], [0, 0, 0, i], [0x019b0000, i & 0xffff, 0x80000000, i]);
  }
  for (const app of [0, 1])
    for (const id of ids) assert.equal(check(window, { app, id }), 'new', `${app} ${id}`);
  for (const app of [0, 1]) for (const id of ids) assert.equal(check(window, { app, id }), 'duplicate');
  assert.equal(window.size, ids.length * 2);
});

test('half a window later the newer generation becomes the older, and that is forgotten half a window after', () => {
  const window = createWindow();
  const id = (n: number) => [n, 0, 0, 0] as const;
  check(window, { app: 1, id: id(1), at: 10 });
  store(window);
  assert.equal(check(window, { app: 1, id: id(2), at: 510 }), 'new');
  assert.equal(window.start, 0, 'both generations are there');
  store(window);
  check(window, { app: 1, id: id(3), at: 1_009 });
  assert.equal(window.start, 0);
  store(window);
  check(window, { app: 1, id: id(4), at: 1_010 });
  assert.equal(window.start, 510);
  assert.equal(check(window, { app: 1, id: id(2), at: 1_010 }), 'duplicate');
  assert.equal(check(window, { app: 1, id: id(1), at: 1_010, created: 10 }), 'unsure', 'forgotten');
});

const MANY = 16 * 2 ** 20;

test('of what is forgotten a filter stays, so that only what it may hold has to be looked up', () => {
  const window = createWindow(2_000, 0, MANY);
  const id = (n: number) => [n, 0, n, 0] as const;
  const created = (n: number) => n + CLOCK_MARGIN_MS;
  for (let n = 1; n <= 10_000; n++) {
    check(window, { app: 1, id: id(n), at: n });
    store(window);
  }
  assert.ok(window.start > 8_000, 'most are forgotten');
  assert.equal(window.filteredFrom, 0);
  const at = 10_000;
  let unsure = 0;
  for (let n = 1; n <= 7_000; n += 7) {
    assert.equal(check(window, { app: 1, id: id(n), at, created: created(n) }), 'unsure', `it had ${n}`);
    if (check(window, { app: 1, id: id(n + 20_000), at, created: created(n) }) === 'unsure') unsure++;
    store(window);
  }
  assert.ok(unsure < 50, `${unsure} of 1,000 that it never had`);
});

test('beyond its bytes the oldest filters go, and what is older than the rest has to be looked up', () => {
  const window = createWindow(2, 0, 400_000);
  for (let n = 1; n <= 100; n++) {
    check(window, { app: 1, id: [n, 0, n, 0], at: n * 10_000 });
    store(window);
  }
  const at = 1_000_000;
  // Not stored: from here on nothing turns.
  check(window, { app: 1, id: [101, 0, 0, 0], at });
  assert.ok(window.filteredFrom > 900_000 && window.filteredFrom < window.start, `${window.filteredFrom}`);
  const look = { app: 1, id: [1_000, 0, 0, 0] as const, at };
  assert.equal(
    check(window, { ...look, created: window.filteredFrom + CLOCK_MARGIN_MS - 1 }),
    'unsure',
    'nobody knows',
  );
  assert.equal(
    check(window, { ...look, app: 2, created: window.filteredFrom + CLOCK_MARGIN_MS }),
    'new',
    'the filters know',
  );
});

test('what was received before the last of its generation, but after that, is not taken for later', () => {
  const window = createWindow(2, 0, MANY);
  check(window, { app: 1, id: [1, 0, 0, 0], at: 100 });
  store(window);
  check(window, { app: 1, id: [2, 0, 0, 0], at: 90 });
  store(window);
  check(window, { app: 1, id: [3, 0, 0, 0], at: 91 });
  store(window);
  assert.ok(window.start > 100, 'the first lies before it');
});

test('a full generation turns too, so that memory stays within its bound', () => {
  const window = createWindow(8);
  for (let i = 1; i <= 100; i++) {
    check(window, { app: 1, id: [i, i, i, i], at: i });
    store(window);
    assert.ok(window.size <= 8, `${window.size}`);
  }
  assert.ok(window.start > 90);
});

test('ids that are not stored yet are never forgotten, however full or old', () => {
  const window = createWindow(8);
  for (let i = 1; i <= 1_000; i++) check(window, { app: 1, id: [i, i, i, i], at: i * WINDOW_MS });
  for (let i = 1; i <= 1_000; i++)
    assert.equal(check(window, { app: 1, id: [i, i, i, i], at: 1_000 * WINDOW_MS }), 'duplicate', String(i));
  store(window);
  for (let i = 2_001; i <= 2_010; i++) {
    check(window, { app: 1, id: [i, i, i, i], at: i * WINDOW_MS });
    store(window);
  }
  assert.ok(window.size <= 8, 'what was stored goes again');
});

test('an id from a clock that runs ahead stays until the time that its event claims is over', () => {
  const window = createWindow();
  const ahead = { app: 1, id: [1, 1, 1, 1] as const, created: 60_000 };
  assert.equal(check(window, { ...ahead, at: 10 }), 'unsure', 'nobody knows when it was first received');
  let at = 10;
  let seen = 0;
  for (let n = 2; at <= 60_000 + CLOCK_MARGIN_MS; n++, at += 300) {
    store(window);
    check(window, { app: 1, id: [n, 0, 0, 0], at });
    // Inside the window nobody asks ClickHouse about it, so memory has to know.
    if (ahead.created < window.start + CLOCK_MARGIN_MS) continue;
    assert.equal(check(window, { ...ahead, at }), 'duplicate', `at ${at}`);
    seen++;
  }
  assert.ok(seen > 100);
  for (let n = 0; n < 10; n++, at += 600) {
    check(window, { app: 1, id: [1_000 + n, 0, 0, 0], at });
    store(window);
  }
  assert.ok(window.size <= 4, 'and no longer');
});

test('against a Map: what is forgotten is unsure, never new; nothing is made up', () => {
  const look = fc.record({
    app: fc.nat({ max: 1 }),
    n: fc.nat({ max: 30 }),
    payload: fc.integer({ min: 1, max: 2 }),
    later: fc.nat({ max: 400 }),
    stored: fc.boolean(),
  });
  const property = fc.property(
    fc.array(look, { maxLength: 200 }),
    fc.integer({ min: 2, max: 40 }),
    fc.constantFrom(0, 300_000, MANY),
    (looks, entries, filterBytesMax) => {
      const window = createWindow(entries, 0, filterBytesMax);
      const known = new Map<string, { payload: number; at: number; created: number; order: number }>();
      let at = 0;
      let [order, settled] = [0, 0];
      for (const { app, n, payload, later, stored } of looks) {
        at += later;
        const key = `${app} ${n}`;
        const before = known.get(key);
        const created = before?.created ?? at + CLOCK_MARGIN_MS;
        const verdict = check(window, { app, id: [n, 0, 5, n], payload, at, created });
        if (verdict === 'new' || verdict === 'unsure') {
          if (before) assert.equal(verdict, 'unsure', 'it was there');
          if (before)
            assert.ok(before.at < window.start || before.at <= at - WINDOW_MS / 2, 'forgot too early');
          if (before) assert.ok(before.order <= settled, 'forgot what is not stored');
          known.set(key, { payload, at, created, order: ++order });
        } else {
          assert.ok(before, 'never seen');
          assert.equal(verdict, before.payload === payload ? 'duplicate' : 'collision');
        }
        if (stored) {
          window.settle(window.added);
          settled = order;
        }
      }
      // After `start` every id is there.
      for (const [key, { payload, at: received }] of known) {
        const [app, n] = key.split(' ').map(Number) as [number, number];
        if (received > window.start)
          assert.equal(check(window, { app, id: [n, 0, 5, n], payload, at }), 'duplicate');
      }
    },
  );
  fc.assert(property, { numRuns: ROUNDS });
});
