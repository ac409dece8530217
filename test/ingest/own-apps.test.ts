import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAccess } from '../../src/access/access.ts';
import { openReferenceKernel } from '../../src/event/kernel/reference.ts';
import { formatUuid } from '../../src/event/kernel/uuid.ts';
import { openKernel } from '../../src/event/kernel/wasm.ts';
import type { Kernel, Scan } from '../../src/event/kernel.ts';
import { createAppGuard } from '../../src/ingest/own-apps.ts';
import { createRandom } from '../oracle/random.ts';
import { good, headersOf, openAccess, openIngestService, readEvents } from './service.ts';

const KERNELS: Readonly<Record<string, () => Promise<Kernel>>> = {
  reference: async () => openReferenceKernel(),
  wasm: openKernel,
};
const RECEIVED_AT = Date.UTC(2026, 4, 1);

function scan(kernel: Kernel, body: string): Scan {
  let next = 0;
  return kernel.scanner.scan(Buffer.from(body), {
    receivedAt: RECEIVED_AT,
    mode: 'auto',
    defaultName: null,
    maxEvents: 1000,
    oldestAllowed: 0,
    newestAllowed: RECEIVED_AT + 1e9,
    nextIds(n) {
      const ids = Buffer.alloc(16 * n);
      for (let i = 0; i < n; i++) ids.writeUInt32BE(++next, 16 * i + 12);
      return ids;
    },
    sentAt: null,
  });
}

const linesOf = ({ lines }: Scan) => Buffer.from(lines).toString().split('\n').filter(Boolean);

for (const [name, open] of Object.entries(KERNELS)) {
  test(`${name}: what names another app has a verdict, whatever the name's spelling`, async () => {
    const kernel = await open();
    const guard = createAppGuard(kernel);
    const keep = (event: string) => guard(scan(kernel, `[${event}]`), RECEIVED_AT, 'mine', ['mine', 'too']);
    for (const fields of [
      '"app_id":"other"',
      '"appId":"other"',
      '"serviceId":"other"',
      '"app_id":"mine2"',
      '"app_id":"Mine"',
      '"app_id":7',
      '"app\\u005fid":"other"',
      '"\\u0061ppId":"other"',
      '"app_id":null,"appId":"other"',
      '"app_id":"","serviceId":"other"',
      '"serviceId":"mine","app_id":"other"',
      '"events":[],"app_id":"other"',
    ]) {
      const { accepted, verdicts, lines } = keep(`{"event_name":"x",${fields}}`);
      assert.deepEqual([accepted, lines.length, verdicts.length], [0, 0, 1], fields);
      assert.equal(verdicts[0]!.code, 'app_forbidden', fields);
      assert.match(verdicts[0]!.detail, /"(other|mine2|Mine|7)"/);
    }
    for (const fields of [
      '"user_id":"u"',
      '"app_id":"too"',
      '"appId":"mine"',
      '"app_id":null',
      '"app_id":""',
      '"app_id":"mine","serviceId":"other"',
      '"properties":{"app_id":"other"}',
      '"context":{"app_id":"other"}',
      '"user_id":"\\u0061pp_id"',
    ]) {
      const { accepted, verdicts } = keep(`{"event_name":"x",${fields}}`);
      assert.deepEqual([accepted, verdicts.length], [1, 0], fields);
    }
  });

  test(`${name}: random bodies against a plain count`, async () => {
    const kernel = await open();
    const guard = createAppGuard(kernel);
    const { chance, below, pick } = createRandom(4_711);
    for (let round = 0; round < 200; round++) {
      const events = Array.from({ length: 1 + below(30) }, (_, i) => {
        const named = pick([undefined, undefined, 'a', 'b', 'c']);
        return {
          ...(chance(0.8) && { event_name: 'seek' }),
          ...(chance(0.5) && { event_id: formatUuid(Buffer.from([...Array(14).fill(9), round, i])) }),
          user_id: `u${below(5)}`,
          ...(named !== undefined && { [pick(['app_id', 'appId', 'serviceId'])]: named }),
          i,
        };
      });
      const allowed = pick([['a'], ['b', 'a'], ['d'], []]);
      const app = allowed[0] ?? 'd';
      const body = chance(0.5) ? JSON.stringify(events) : events.map((e) => JSON.stringify(e)).join('\n');
      const before = scan(kernel, body);
      const plain = { ids: before.firstIds, hashes: [...before.keyHash], lines: linesOf(before) };
      const after = guard(before, RECEIVED_AT, app, allowed);
      const isBad = (event: (typeof events)[number]) => event.event_name === undefined;
      const appOf = (event: Record<string, unknown>) => event.app_id ?? event.appId ?? event.serviceId ?? app;
      const kept = events.filter((event) => !isBad(event) && allowed.includes(String(appOf(event))));
      assert.deepEqual(
        linesOf(after).map((line) => (JSON.parse(line) as { i: number }).i),
        kept.map(({ i }) => i),
      );
      assert.deepEqual(
        after.verdicts.map(({ index, code }) => [index, code]),
        events
          .filter((event) => !kept.includes(event))
          .map((event) => [event.i, isBad(event) ? 'missing_event_name' : 'app_forbidden']),
      );
      assert.equal(after.accepted, kept.length);
      assert.equal(after.count, events.length);
      assert.equal(after.lineEnd.length, kept.length);
      assert.equal(after.lineEnd.at(-1) ?? 0, after.lines.length);
      const goodOnes = events.filter((event) => !isBad(event));
      assert.deepEqual(
        [...after.keyHash],
        kept.map((event) => plain.hashes[goodOnes.indexOf(event)]),
      );
      const first = linesOf(after)[0];
      const id = first === undefined ? [] : [(JSON.parse(first) as { event_id: string }).event_id];
      assert.deepEqual([...after.firstIds], id);
    }
  });
}

test('over HTTP: those of its apps are taken, others are verdicts and dead letters, 403 when none is left', async (t) => {
  const principal = { id: 'key:k', app: 'a', apps: ['a', 'b'], scopes: ['ingest'] } as const;
  const access = { verifiers: [(secret: string) => (secret === 'k' ? principal : null)] };
  assert.ok(createAccess({ ...openAccess, ...access }));
  const service = await openIngestService(t, { access, partitions: 1 });
  const key = { 'x-api-key': 'k' };
  const mixed = await service.post(
    '/events',
    [good(), good({ app_id: 'b' }), good({ app_id: 'c', event_id: 'mine' }), good({ appId: 'a' })],
    key,
  );
  assert.equal(mixed.status, 202);
  assert.deepEqual([mixed.body.accepted, mixed.body.rejected], [3, 1]);
  assert.deepEqual(mixed.body.results, [
    {
      index: 2,
      code: 'app_forbidden',
      reason: 'The key may not send events of the app "c".',
      event_id: 'mine',
    },
  ]);
  const [record, ...more] = await service.records();
  assert.equal(more.length, 0);
  assert.deepEqual([headersOf(record!).app, headersOf(record!).count], ['a', '3']);
  assert.deepEqual(
    readEvents(record!).map((event) => event.app_id ?? event.appId ?? null),
    [null, 'b', 'a'],
  );
  const [letter] = await service.records('analytics.dlq.v1');
  assert.deepEqual(
    [headersOf(letter!)['dlq.reason'], headersOf(letter!)['dlq.app'], readEvents(letter!)[0]!.app_id],
    ['app_forbidden', 'a', 'c'],
  );
  const foreign = await service.post('/events', [good({ app_id: 'c' }), good({ app_id: 'd' })], key);
  assert.deepEqual(
    [foreign.status, foreign.body.code, foreign.body.results.length],
    [403, 'app_forbidden', 2],
  );
  const one = await service.post('/api/events', good({ app_id: 'c' }), key);
  assert.deepEqual([one.status, one.body.code], [403, 'app_forbidden']);
  const bad = await service.post('/events', [good({ app_id: 'c' }), {}], key);
  assert.deepEqual([bad.status, bad.body.code], [400, 'no_valid_events']);
  assert.equal((await service.records()).length, 1, 'nothing of those was stored');
  assert.equal((await service.post('/events', [good({ app_id: 'c' })])).status, 202, 'open to others');
});
