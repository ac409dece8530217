import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundStore } from '../../src/query/bounded-store.ts';

test('no more statements run at once than may, each has its turn, and a failure gives its place back', async () => {
  let running = 0;
  let most = 0;
  const store = boundStore(
    {
      async select<Row>(sql: string): Promise<Row[]> {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        if (Number(sql) % 3 === 0) throw new Error('refused');
        return [sql as Row];
      },
      async *stream() {},
    },
    2,
  );
  const outcomes = await Promise.allSettled(Array.from({ length: 12 }, (_, n) => store.select(String(n))));
  assert.equal(most, 2);
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 8);
});

test('when it is closed those under way end, and those that wait are refused', async () => {
  const { promise, resolve } = Promise.withResolvers<never[]>();
  const store = boundStore({ select: () => promise, async *stream() {} }, 1);
  const under = store.select('1');
  const waits = store.select('2');
  store.close();
  resolve([]);
  assert.deepEqual(await under, []);
  await assert.rejects(waits, { code: 'closing' });
  await assert.rejects(store.select('3'), { code: 'closing' });
});

test('a stream has a turn too, and gives it back when its reader leaves', async () => {
  const store = boundStore(
    {
      select: async () => [],
      async *stream<Row>() {
        yield [1 as Row];
        yield [2 as Row];
      },
    },
    1,
  );
  for await (const rows of store.stream('1')) {
    assert.deepEqual(rows, [1]);
    break;
  }
  const rows = store.stream('2');
  assert.deepEqual((await rows.next()).value, [1]);
  const order: string[] = [];
  const waits = store.select('3').then(() => order.push('select'));
  await rows.next();
  order.push('stream');
  await rows.next();
  await waits;
  assert.deepEqual(order, ['stream', 'select']);
});
