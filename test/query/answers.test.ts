import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryCache } from '../../src/cache/memory.ts';
import { type AnswersOptions, createAnswers, type Question } from '../../src/query/answers.ts';
import { nobodyWaits } from '../../src/query/crowd.ts';

const plain: Question = { name: 'metrics', date: 'default', parts: ['a'], afresh: false, settled: null };

/** Longer than any test, so that only what is tested ends an answer's time. */
const LONG_MS = 3_600_000;

function open(more: Partial<AnswersOptions> = {}) {
  const seen: string[] = [];
  const answers = createAnswers({
    cache: createMemoryCache({ bytesMax: 1_000_000, observe() {} }),
    freshMs: LONG_MS,
    settledMs: LONG_MS,
    observe: (outcome) => void seen.push(outcome),
    ...more,
  });
  let made = 0;
  const ask = async (question: Partial<Question> = {}) =>
    Buffer.from(
      await answers.give({ ...plain, ...question }, async () => Buffer.from(`answer ${++made}`)),
    ).toString();
  return { answers, ask, seen };
}

test('an answer is given again while it is fresh', async () => {
  const { ask, seen } = open();
  assert.equal(await ask(), 'answer 1');
  assert.equal(await ask(), 'answer 1');
  const other = open({ freshMs: 20 });
  assert.equal(await other.ask(), 'answer 1');
  while ((await other.ask()) === 'answer 1') await new Promise(setImmediate);
  assert.equal(seen.join(), 'miss,hit');
  assert.equal(other.seen.filter((outcome) => outcome === 'miss').length, 2);
});

test('what was changed through this process is seen at once', async () => {
  const { answers, ask } = open();
  assert.equal(await ask(), 'answer 1');
  answers.changed();
  assert.equal(await ask(), 'answer 2');
});

test('callers with other apps, and other parameters, have answers of their own', async () => {
  const { ask } = open();
  assert.equal(await ask({ parts: ['/metrics', { metric: 'views' }, ['tube']] }), 'answer 1');
  assert.equal(await ask({ parts: ['/metrics', { metric: 'views' }, ['kids']] }), 'answer 2');
  assert.equal(await ask({ parts: ['/metrics', { metric: 'views' }, null] }), 'answer 3');
  assert.equal(await ask({ parts: ['/metrics', { metric: 'users' }, ['tube']] }), 'answer 4');
  assert.equal(await ask({ parts: ['/metrics', { metric: 'views' }, ['tube']] }), 'answer 1');
});

test('a caller who wants it afresh gets that, and without a time nobody gets an old one', async () => {
  const one = open();
  assert.equal(await one.ask(), 'answer 1');
  assert.equal(await one.ask({ afresh: true }), 'answer 2');
  let told = 0;
  const other = open({ freshMs: 0, afresh: () => void told++ });
  assert.equal(await other.ask(), 'answer 1');
  assert.equal(await other.ask(), 'answer 2');
  assert.deepEqual([other.seen, told], [['afresh', 'afresh'], 2]);
});

test('equal questions that come together are asked once; a failure reaches all of them and is not kept', async () => {
  const { answers, ask, seen } = open();
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  let asked = 0;
  const make = () => {
    asked++;
    return promise;
  };
  const give = () => answers.give(plain, make);
  const callers = Array.from({ length: 20 }, give);
  resolve(Buffer.from('one for all'));
  for (const answer of await Promise.all(callers))
    assert.equal(Buffer.from(answer).toString(), 'one for all');
  assert.equal(asked, 1);
  assert.equal(seen.filter((outcome) => outcome === 'shared').length, 19);

  reject(new Error('never'));
  const failing = Array.from({ length: 3 }, () =>
    answers.give({ ...plain, parts: 'b' }, () => Promise.reject(new Error('gone'))),
  );
  for (const { status } of await Promise.allSettled(failing)) assert.equal(status, 'rejected');
  assert.equal(await ask({ parts: 'b' }), 'answer 1');
});

test('one that began before something was changed is not joined', async () => {
  const { answers } = open();
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  const before = answers.give(plain, () => promise);
  answers.changed();
  const after = await answers.give(plain, async () => Buffer.from('with it'));
  resolve(Buffer.from('without it'));
  assert.equal(Buffer.from(after).toString(), 'with it');
  assert.equal(Buffer.from(await before).toString(), 'without it');
  assert.equal(Buffer.from(await answers.give(plain, () => promise)).toString(), 'with it');
});

test('an answer about a time that is over lasts as long as nothing lands there', async () => {
  let stamp: string | null = '3 1000';
  const settled = { range: '0 1000', stamp: async () => stamp };
  const { answers, ask, seen } = open();
  assert.equal(await ask({ settled }), 'answer 1');
  // Something else was changed: the range is looked at again, and is as it was.
  answers.changed();
  assert.equal(await ask({ settled }), 'answer 1');
  assert.equal(await ask({ settled }), 'answer 1');
  assert.deepEqual(seen, ['miss', 'settled', 'hit']);
  answers.changed();
  stamp = null;
  assert.equal(await ask({ settled }), 'answer 2');
  answers.changed();
  stamp = '3 2000';
  assert.equal(await ask({ settled }), 'answer 3');
  answers.changed();
  assert.equal(await ask({ settled }), 'answer 3');
});

test('what lands while a settled answer is made makes it one that does not last', async () => {
  let stamp = 'before';
  const { answers, ask } = open();
  const settled = { range: '0 1000', stamp: async () => stamp };
  await answers.give({ ...plain, settled }, async () => {
    stamp = 'after';
    return Buffer.from('torn');
  });
  answers.changed();
  assert.equal(await ask({ settled }), 'answer 1');
});

test('an answer that lasts is given again whatever is stored, until its time is over', async () => {
  const { answers, ask, seen } = open({ freshMs: 1 });
  const keptMs = LONG_MS;
  assert.equal(await ask({ keptMs }), 'answer 1');
  answers.changed();
  assert.equal(await ask({ keptMs }), 'answer 1');
  assert.equal(await ask({ keptMs, afresh: true }), 'answer 2');
  assert.equal(await ask({ keptMs }), 'answer 2');
  assert.equal(await ask({ keptMs: 0 }), 'answer 3');
  assert.deepEqual(seen, ['miss', 'hit', 'afresh', 'hit', 'afresh']);
  const never = open({ freshMs: 0 });
  assert.equal(await never.ask({ keptMs }), 'answer 1');
  assert.equal(await never.ask({ keptMs }), 'answer 2');
});

test('a cache that is away costs no answer', async () => {
  const { ask } = open({
    cache: {
      kind: 'redis',
      get: async () => null,
      set: async () => {},
      delete: async () => {},
      state: () => ({ ok: false, reason: 'away' }),
      close: async () => {},
    },
  });
  assert.equal(await ask(), 'answer 1');
  assert.equal(await ask(), 'answer 2');
});

test('an answer that is kept is given whatever was stored, until somebody wants it afresh', async () => {
  const { answers, ask, seen } = open();
  const kept = { keptMs: LONG_MS };
  assert.equal(await ask(kept), 'answer 1');
  answers.changed();
  assert.equal(await ask(kept), 'answer 1');
  assert.equal(await ask({ ...kept, afresh: true }), 'answer 2');
  assert.equal(await ask(kept), 'answer 2');
  assert.equal(await ask({ ...kept, parts: ['other'] }), 'answer 3');
  assert.deepEqual(seen, ['miss', 'hit', 'afresh', 'hit', 'miss']);
  const never = open({ freshMs: 0 });
  assert.deepEqual([await never.ask(kept), await never.ask(kept)], ['answer 1', 'answer 2']);
});

test('a kept answer is made once for all who come together; a failure is not kept', async () => {
  const { answers, ask } = open();
  const { promise, reject } = Promise.withResolvers<Uint8Array>();
  let asked = 0;
  const question = { ...plain, keptMs: LONG_MS };
  const give = () =>
    answers.give(question, () => {
      asked++;
      return promise;
    });
  const callers = Array.from({ length: 20 }, give);
  reject(new Error('away'));
  for (const outcome of await Promise.allSettled(callers)) assert.equal(outcome.status, 'rejected');
  assert.equal(asked, 1);
  assert.equal(await ask({ keptMs: LONG_MS }), 'answer 1');
});

test('in the second half of its life an answer is made anew behind those who get it', async () => {
  const { answers } = open({ freshMs: 3000 });
  await answers.give(plain, async () => Buffer.from('old'));
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  let renewals = 0;
  const ask = async () =>
    Buffer.from(
      await answers.give(plain, () => {
        renewals++;
        return promise;
      }),
    ).toString();
  while (renewals === 0) {
    assert.equal(await ask(), 'old');
    await new Promise(setImmediate);
  }
  // The renewal is under way, and nobody waits for it.
  assert.deepEqual([await ask(), await ask(), renewals], ['old', 'old', 1]);
  resolve(Buffer.from('renewed'));
  while ((await ask()) === 'old') await new Promise(setImmediate);
  assert.equal(await ask(), 'renewed');
  // What is changed through this process is seen at once all the same.
  answers.changed();
  assert.equal(Buffer.from(await answers.give(plain, async () => Buffer.from('new'))).toString(), 'new');
});

test('an answer that took long lives longer than others', async () => {
  const { answers, seen } = open({ freshMs: 40 });
  const began = performance.now();
  const make = async () => {
    while (performance.now() - began < 30) await new Promise(setImmediate);
    return Buffer.from('slow');
  };
  await answers.give(plain, make);
  // For 600 ms, unless the process stood still until then.
  while (performance.now() - began < 60) await new Promise(setImmediate);
  await answers.give(plain, make);
  assert.ok(seen[1] === 'hit' || performance.now() - began > 600);
});

test('a renewal that fails is for nobody who has an answer, and is tried again', async () => {
  const { answers } = open({ freshMs: 20 });
  await answers.give(plain, async () => Buffer.from('one'));
  let tried = 0;
  const fail = async () => {
    tried++;
    throw new Error('away');
  };
  const texts = new Set<string>();
  // Until nothing is left of the first: then it fails for the one who asks.
  await assert.rejects(async () => {
    for (;;) {
      texts.add(Buffer.from(await answers.give(plain, fail)).toString());
      await new Promise(setImmediate);
    }
  }, /away/);
  assert.deepEqual([...texts], ['one']);
  assert.ok(tried >= 2);
});

/** Makes an answer when told to, and fails when its crowd has left. */
function makeSlowly(text: string) {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  let gone: AbortSignal | undefined;
  return {
    finish: () => resolve(Buffer.from(text)),
    isGone: () => gone?.aborted,
    async make(): Promise<Uint8Array> {
      gone = nobodyWaits();
      const left = new Promise<never>((_, reject) =>
        gone!.addEventListener('abort', () => reject(gone!.reason)),
      );
      return await Promise.race([promise, left]);
    },
  };
}

test('an answer is made for as long as one of its callers waits', async () => {
  const { answers, ask } = open();
  const callers = Array.from({ length: 3 }, () => new AbortController());
  const slow = makeSlowly('made');
  const given = callers.map(({ signal }) => answers.give(plain, slow.make, signal));
  await new Promise(setImmediate);
  callers[0]!.abort();
  callers[1]!.abort();
  assert.equal(slow.isGone(), false);
  slow.finish();
  assert.equal(Buffer.from(await given[2]!).toString(), 'made');
  callers[2]!.abort();
  assert.equal(await ask(), 'made');
});

test('when the last has left it ends, and who comes at that moment is not given the failure', async () => {
  for (const question of [plain, { ...plain, afresh: true }, { ...plain, keptMs: 0 }]) {
    const { answers, ask } = open();
    const caller = new AbortController();
    const slow = makeSlowly('never');
    const given = answers.give(question, slow.make, caller.signal);
    await new Promise(setImmediate);
    caller.abort();
    // Not a turn later: the one before is still being taken apart.
    const next = ask(question);
    await assert.rejects(given, { code: 'query_timeout' });
    assert.equal(await next, 'answer 1');
    assert.equal(slow.isGone(), true);
  }
});

test('what is going to be kept, and what is renewed, is made though nobody waits', async () => {
  const { answers, ask } = open();
  const caller = new AbortController();
  const kept = makeSlowly('kept');
  const question = { ...plain, keptMs: LONG_MS };
  const given = answers.give(question, kept.make, caller.signal);
  await new Promise(setImmediate);
  caller.abort();
  assert.equal(kept.isGone(), false);
  kept.finish();
  await given;
  assert.equal(await ask(question), 'kept');

  const brief = open({ freshMs: 40 });
  const other = new AbortController();
  await brief.answers.give(plain, async () => Buffer.from('first'), other.signal);
  const renewed = makeSlowly('renewed');
  // In the second half of its life somebody gets the old one, and leaves.
  while (renewed.isGone() === undefined) {
    const got = await brief.answers.give(plain, renewed.make, AbortSignal.abort());
    assert.equal(Buffer.from(got).toString(), 'first');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.equal(renewed.isGone(), false);
  renewed.finish();
  await new Promise(setImmediate);
  assert.equal(await brief.ask(), 'renewed');
});
