/** Callers that leave, over real sockets and a real ClickHouse, whose list of running statements is the witness. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { boundStore } from '../../src/query/bounded-store.ts';
import { Crowd, nobodyWaits, workFor } from '../../src/query/crowd.ts';
import type { StoreClient } from '../../src/store/client.ts';
import { until } from '../faults/verify.ts';
import { freshAnswers, type QueryService, startQueryApp, startQueryService } from './service.ts';

const LONG_MS = 3_600_000;
const START = Date.UTC(2026, 2, 1, 12);
const METRICS = '/metrics?metric=events&from=2026-03-01&to=2026-03-01';

test('a crowd is gone when the last has left, and not while somebody stays', () => {
  const [one, two] = [new AbortController(), new AbortController()];
  const crowd = new Crowd();
  crowd.join(one.signal);
  crowd.join(two.signal);
  one.abort();
  assert.equal(crowd.gone, false);
  two.abort();
  assert.equal(crowd.gone, true);
  const steady = new Crowd();
  steady.join(undefined);
  steady.join(two.signal);
  assert.equal(steady.gone, false);
  const late = new Crowd();
  late.join(two.signal);
  assert.equal(late.gone, true);
});

test('what is made within another work is of its own crowd', async () => {
  const [outer, inner] = [new AbortController(), new AbortController()];
  assert.equal(nobodyWaits(), undefined);
  await workFor(outer.signal, async () => {
    await workFor(inner.signal, async () => {
      outer.abort();
      assert.equal(nobodyWaits()!.aborted, false);
      inner.abort();
      assert.equal(nobodyWaits()!.aborted, true);
    });
    assert.equal(nobodyWaits()!.aborted, true);
  });
  assert.equal(nobodyWaits(), undefined);
});

/** Each question takes half a minute, in ClickHouse, while `slow` is set. */
async function openSlowly(t: TestContext, service: QueryService, freshMs: number) {
  const state = { slow: true };
  const { store } = service;
  const wait = async (options: Parameters<StoreClient['select']>[2]) => {
    if (!state.slow) return;
    await store.select('SELECT sleepEachRow(0.3) FROM numbers(100) SETTINGS max_block_size = 1', {}, options);
  };
  const slowly: Pick<StoreClient, 'select' | 'stream'> = {
    async select<Row>(...question: Parameters<StoreClient['select']>) {
      await wait(question[2]);
      return await store.select<Row>(...question);
    },
    async *stream<Row>(...question: Parameters<StoreClient['stream']>) {
      await wait(question[2]);
      yield* store.stream<Row>(...question);
    },
  };
  const app = await startQueryApp(t, {
    ...service.options,
    store: boundStore(slowly, 16),
    answers: freshAnswers(freshMs),
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const running = async () => {
    const [row] = await store.select<{ count: number }>(
      "SELECT count() AS count FROM system.processes WHERE startsWith(query, 'SELECT sleepEachRow')",
    );
    return row!.count;
  };
  return {
    state,
    running,
    /** Sends a question; `leave` cuts the connection. */
    ask(path: string, options: RequestInit = {}) {
      const leaving = new AbortController();
      const answer = fetch(url + path, { ...options, signal: leaving.signal }).then(
        async (response) => ({ status: response.status, body: await response.json() }),
        (error: Error) => {
          if (error.name === 'AbortError') return null;
          throw error;
        },
      );
      return { answer, leave: () => leaving.abort() };
    },
    runs: (count: number) => until(`${count} run`, async () => (await running()) === count, 10_000),
  };
}

test('a question that nobody waits for ends in ClickHouse', { timeout: 120_000 }, async (t) => {
  const service = await startQueryService(t);
  await service.insert([{ app_id: 'tube', event_name: 'search', timestamp: START, user_id: 'ann' }]);
  const slowly = await openSlowly(t, service, LONG_MS);
  const { state, ask, runs, running } = slowly;

  await t.test('whatever is asked', async () => {
    const range = 'from=2026-03-01&to=2026-03-01';
    const params = { from: '2026-03-01', to: '2026-03-01' };
    const report = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ template: 'pages', params }),
    };
    for (const [path, options] of [
      [METRICS, {}],
      [METRICS, { headers: { 'cache-control': 'no-cache' } }],
      [`/v1/retention?${range}`, {}],
      [`/v1/paths?${range}`, {}],
      [`/v1/sessions?${range}`, {}],
      [`/v1/sessions/stats?${range}`, {}],
      [`/v1/events?${range}`, {}],
      ['/report', report],
    ] as const) {
      const { answer, leave } = ask(path, options);
      await until(`${path} runs`, async () => (await running()) > 0, 10_000);
      leave();
      await answer;
      await runs(0);
    }
  });

  await t.test('but not while one of several still waits', async () => {
    const [one, two, three] = [ask(METRICS), ask(METRICS), ask(METRICS)];
    await runs(1);
    // All three are in; the one statement is everybody's.
    await new Promise((resolve) => setTimeout(resolve, 300));
    one.leave();
    two.leave();
    await Promise.all([one.answer, two.answer]);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    assert.equal(await running(), 1);
    three.leave();
    await three.answer;
    await runs(0);
  });

  await t.test('and who comes next gets an answer of its own', async () => {
    const left = ask(METRICS);
    await runs(1);
    left.leave();
    await runs(0);
    state.slow = false;
    const { status, body } = (await ask(METRICS).answer)!;
    assert.deepEqual([status, (body as { series: { total: number }[] }).series[0]!.total], [200, 1]);
    await runs(0);
    state.slow = true;
  });

  await t.test('an answer that is going to be kept is made to its end', async () => {
    const { answer, leave } = ask('/v1/behavior/summary?from=2026-03-01&to=2026-03-01');
    await until('it runs', async () => (await running()) > 0, 10_000);
    const before = await running();
    leave();
    await answer;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    assert.equal(await running(), before);
    await service.store.command("KILL QUERY WHERE startsWith(query, 'SELECT sleepEachRow') SYNC");
  });
});
