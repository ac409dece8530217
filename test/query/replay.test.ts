/** The order of a replay, its bounds, and who may do it: over a real ClickHouse, with a log that a test can break. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openKernel } from '../../src/event/kernel/wasm.ts';
import { HttpProblem } from '../../src/http/problem.ts';
import { createJudge, type ResentEvent } from '../../src/letters/judge.ts';
import type { LetterDesk } from '../../src/query/replay.ts';
import {
  type DeadLetterRow,
  type LetterStateRow,
  writeDeadLetters,
  writeLetterStates,
} from '../../src/store/dead-letters.ts';
import { StoreError } from '../../src/store/store-error.ts';
import { openAccess, startQueryApp, startQueryService } from './service.ts';

const NOW = Date.UTC(2026, 2, 31, 12);
const DAY_MS = 86_400_000;
const uuid = (n: number) => `00000000-0000-5000-8000-${String(n).padStart(12, '0')}`;

function letter(n: number, more: Partial<DeadLetterRow> = {}): DeadLetterRow {
  return {
    id: uuid(n),
    reason: 'missing_event_name',
    detail: 'The event has no event_name.',
    sourceTopic: '',
    sourcePartition: -1,
    sourceOffset: -1,
    sourceIndex: n,
    sourcePath: '/events',
    app: 'a',
    eventId: '',
    payload: JSON.stringify({ evt: 'seek', n }),
    truncated: false,
    receivedAt: NOW - DAY_MS + n,
    sentAt: -1,
    userAgent: 'agent',
    country: 'DE',
    ...more,
  };
}

interface Answer {
  readonly matched: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly results: readonly {
    id: string;
    code: string | null;
    event_id: string | null;
    duplicate: boolean;
  }[];
  readonly next_cursor: string | null;
}

const FIX = [{ op: 'rename', field: 'evt', value: 'event_name' }];

test('replaying letters', async (t) => {
  const kernel = await openKernel();
  const done: string[] = [];
  const sent: ResentEvent[] = [];
  let fault: { resend?: Error; settle?: Error } = {};
  const desk: LetterDesk = {
    judge: createJudge({ kernel, defaultApp: 'default', ageMaxMs: 90 * DAY_MS, aheadMaxMs: DAY_MS }),
    async resend(events) {
      if (fault.resend) throw fault.resend;
      done.push('append');
      sent.push(...events);
    },
    async settle(rows: readonly LetterStateRow[], queryId) {
      done.push('mark');
      if (fault.settle) throw fault.settle;
      await writeLetterStates(service.store, rows, queryId, 10_000);
    },
  };
  const service = await startQueryService(t, { letters: desk, now: () => NOW });
  let batches = 0;
  const bury = async (...rows: DeadLetterRow[]) =>
    await writeDeadLetters(service.store, rows, `bury-${process.pid}-${batches++}`, 10_000);
  const post = async (path: string, body: object, app = service.app) => {
    const answer = await app.inject({ method: 'POST', url: `/v1/dead-letters/${path}`, payload: body });
    return { status: answer.statusCode, body: answer.json() as Answer & { code: string } };
  };
  const stateOf = async (n: number) =>
    (await service.get<{ state: string }>(`/v1/dead-letters/${uuid(n)}`)).state;

  await t.test('nothing is marked before it is durable; what is marked stays so', async () => {
    await bury(letter(1));
    const problem = new HttpProblem('log_unavailable', 'away', { retryAfterMs: 1000 });
    fault = { resend: problem };
    const refused = await post('replay', { ids: [uuid(1)], fix: FIX });
    assert.deepEqual([refused.status, refused.body.code, done], [503, 'log_unavailable', []]);
    fault = { settle: new StoreError('unavailable', null, 'gone') };
    const unmarked = await post('replay', { ids: [uuid(1)], fix: FIX });
    assert.deepEqual([unmarked.status, unmarked.body.code], [503, 'store_unavailable']);
    assert.equal(await stateOf(1), 'open');
    fault = {};
    const { body } = await post('replay', { ids: [uuid(1)], fix: FIX });
    assert.deepEqual([body.accepted, done], [1, ['append', 'mark', 'append', 'mark']]);
    const [first, again] = sent;
    assert.deepEqual(again, first, 'the same bytes, the same id, the same partition');
    assert.equal(first!.receivedAt, NOW - DAY_MS + 1);
    assert.deepEqual(
      [first!.userAgent, first!.country, first!.path, first!.app],
      ['agent', 'DE', '/events', 'a'],
    );
    await bury(letter(1));
    assert.equal(await stateOf(1), 'replayed', 'a letter that is written again does not open again');
    assert.equal((await post('replay', { reason: 'missing_event_name', fix: FIX })).body.matched, 0);
  });

  await t.test(
    'what is stored already is marked and not sent; another payload under its id is refused',
    async () => {
      const id = '0196a9f0-0000-7000-8000-00000000aaaa';
      await bury(letter(2, { payload: JSON.stringify({ evt: 'seek', event_id: id }) }));
      const dry = await post('replay', { ids: [uuid(2)], fix: FIX, dry_run: true });
      assert.equal(dry.body.results[0]!.event_id, id);
      const hash = async (payload: object) => {
        const block = kernel.createBlockBuilder();
        const value = Buffer.from(JSON.stringify(payload));
        block.add({ value, receivedAt: NOW, sentAt: null, app: 'a', partition: 0, offset: 0 }, null);
        const [low, high] = block.payloadWords;
        return ((BigInt(high!) << 32n) | BigInt(low!)).toString();
      };
      const row = { app_id: 'a', event_name: 'seek', event_id: id, timestamp: NOW - 5 * DAY_MS };
      await service.insert([{ ...row, payload_hash: await hash({ event_name: 'seek', event_id: id }) }]);
      const other = await post('replay', {
        ids: [uuid(2)],
        fix: [...FIX, { op: 'set', field: 'x', value: 1 }],
      });
      assert.deepEqual([other.body.rejected, other.body.results[0]!.code], [1, 'id_collision']);
      const before = sent.length;
      const same = await post('replay', { ids: [uuid(2)], fix: FIX });
      assert.deepEqual([same.body.accepted, same.body.results[0]!.duplicate], [1, true]);
      assert.equal(sent.length, before);
      assert.equal(await stateOf(2), 'replayed');
    },
  );

  await t.test('two letters of one event are one event; two events of one id are a collision', async () => {
    const payload = (n: number) => JSON.stringify({ evt: 'seek', event_id: 'twice', n });
    await bury(
      letter(10, { payload: payload(1) }),
      letter(11, { payload: payload(1) }),
      letter(12, { payload: payload(2) }),
    );
    const before = sent.length;
    const { body } = await post('replay', { reason: 'missing_event_name', fix: FIX });
    assert.deepEqual(
      body.results.map(({ id, code, duplicate }) => [id, code, duplicate]),
      [
        [uuid(10), null, false],
        [uuid(11), null, true],
        [uuid(12), 'id_collision', false],
      ],
    );
    assert.equal(sent.length, before + 1);
    await post('discard', { ids: [uuid(12)] });
  });

  await t.test('a call is bounded in letters and bytes, and says where the next goes on', async () => {
    const big = (n: number) =>
      letter(n, { reason: 'not_an_object', payload: JSON.stringify('x'.repeat(900_000)) });
    await bury(...Array.from({ length: 12 }, (_, i) => big(100 + i)));
    const seen: string[] = [];
    let cursor: string | null = null;
    let calls = 0;
    const ids = Array.from({ length: 12 }, (_, i) => uuid(100 + i));
    for (const chosen of [{ reason: 'not_an_object' }, { ids }]) {
      do {
        const { body }: { body: Answer } = await post('replay', {
          ...chosen,
          dry_run: true,
          ...(cursor && { cursor }),
        });
        assert.ok(body.matched > 0 && body.matched < 12, String(body.matched));
        seen.push(...body.results.map(({ id }) => id));
        cursor = body.next_cursor;
        calls++;
      } while (cursor !== null);
    }
    assert.equal(calls, 4);
    assert.deepEqual(seen, [...ids, ...ids], 'each once, the oldest first, by reason and by name');
    const foreign = await post('replay', { reason: 'other', cursor: 'bm9uc2Vuc2U' });
    assert.deepEqual([foreign.status, foreign.body.code], [400, 'invalid_cursor']);
    const { body } = await post('discard', { reason: 'not_an_object', limit: 5 });
    assert.deepEqual([body.matched, body.next_cursor === null], [5, false]);
  });

  await t.test(
    'a credential of one app reaches its letters only, and cannot send events elsewhere',
    async () => {
      await bury(letter(20), letter(21, { app: 'b', payload: '{"evt":"seek","app_id":"b"}' }));
      const app = await startQueryApp(t, {
        ...service.options,
        access: openAccess({ apps: ['a'] }),
      });
      const both = await post('replay', { ids: [uuid(20), uuid(21)], fix: FIX, dry_run: true }, app);
      assert.deepEqual([both.body.matched, both.body.accepted], [1, 1]);
      assert.equal(both.body.results[1]!.code, 'not_found');
      const away = [...FIX, { op: 'set', field: 'app_id', value: 'b' }];
      const moved = await post('replay', { ids: [uuid(20)], fix: away }, app);
      assert.deepEqual([moved.body.rejected, moved.body.results[0]!.code], [1, 'app_forbidden']);
      assert.equal((await post('replay', { ids: [uuid(20)], app_id: 'b' }, app)).body.code, 'app_forbidden');
      assert.equal((await app.inject(`/v1/dead-letters/${uuid(21)}`)).statusCode, 404);
      const reader = await startQueryApp(t, { ...service.options, access: openAccess({ scopes: ['read'] }) });
      for (const path of ['replay', 'discard'])
        assert.equal((await post(path, { ids: [uuid(20)] }, reader)).body.code, 'wrong_scope');
    },
  );

  await t.test('without a log a process says so, and still lists', async () => {
    const app = await startQueryApp(t, { ...service.options, letters: null });
    for (const path of ['replay', 'discard']) {
      const { status, body } = await post(path, { ids: [uuid(20)] }, app);
      assert.deepEqual([status, body.code], [503, 'log_unavailable']);
    }
    assert.equal((await app.inject('/v1/dead-letters')).statusCode, 200);
  });
});
