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
    },
    2,
  );
  const outcomes = await Promise.allSettled(Array.from({ length: 12 }, (_, n) => store.select(String(n))));
  assert.equal(most, 2);
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 8);
});

test('when it is closed those under way end, and those that wait are refused', async () => {
  const { promise, resolve } = Promise.withResolvers<never[]>();
  const store = boundStore({ select: () => promise }, 1);
  const under = store.select('1');
  const waits = store.select('2');
  store.close();
  resolve([]);
  assert.deepEqual(await under, []);
  await assert.rejects(waits, { code: 'closing' });
  await assert.rejects(store.select('3'), { code: 'closing' });
});
