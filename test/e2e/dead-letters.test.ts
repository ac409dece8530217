/** Dead letters, from the event that went wrong to the one that is stored once. A real service, a real ClickHouse. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../faults/verify.ts';
import { startTestService, type TestService } from '../support/service.ts';

let service: TestService;

before(async () => {
  service = await startTestService();
});

after(() => service?.stop());

interface Letter {
  readonly id: string;
  readonly reason: string;
  readonly payload: string;
  readonly state: string;
  readonly received_at: string;
  readonly source: { readonly path?: string; readonly topic?: string };
}

interface Replayed {
  readonly matched: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly next_cursor: string | null;
  readonly results: readonly {
    readonly id: string;
    readonly status: string;
    readonly code: string | null;
    readonly reason: string | null;
    readonly event_id: string | null;
    readonly duplicate: boolean;
    readonly payload?: string | null;
    readonly event?: string | null;
  }[];
}

interface Page<T> {
  readonly data: readonly T[];
  readonly next_cursor: string | null;
}

const good = { event_name: 'page_view', user_id: 'someone' };

/** Sends events beside a good one, and waits for their letters. Answers those with a payload that holds `mark`. */
async function bury(events: readonly unknown[], mark: string): Promise<Letter[]> {
  const { status } = await service.post('/events', [good, ...events]);
  assert.equal(status, 202);
  return await lettersWith(mark, events.length);
}

async function lettersWith(mark: string, count: number): Promise<Letter[]> {
  let found: Letter[] = [];
  await until(`${count} letters with ${mark}`, async () => {
    const { data } = await service.get<Page<Letter>>('/v1/dead-letters?limit=1000');
    found = data.filter(({ payload }) => payload.includes(mark));
    return found.length >= count;
  });
  return found;
}

async function replay(body: object): Promise<Replayed> {
  const answer = await service.post<Replayed>('/v1/dead-letters/replay', body);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
}

interface Stored {
  readonly event_id: string;
  readonly event_name: string;
  readonly received_at: string;
  readonly timestamp: string;
  readonly app_id: string;
  readonly properties: Record<string, unknown>;
}

async function stored(userId: string): Promise<readonly Stored[]> {
  const from = new Date(Date.now() - 80 * 86_400_000).toISOString();
  const path = `/v1/events?user_id=${userId}&from=${from}&to=${new Date(Date.now() + 86_400_000).toISOString()}`;
  return (await service.get<Page<Stored>>(path)).data;
}

/** Everything that was appended so far is stored, or refused. */
async function drained(): Promise<void> {
  await until('nothing is in flight', async () => {
    const { totals } = await service.get<{ totals: { in_flight: number; unaccounted: number } }>(
      '/v1/ledger',
    );
    assert.equal(totals.unaccounted, 0);
    return totals.in_flight === 0;
  });
}

const setName = { op: 'rename', field: 'evt', value: 'event_name' };

test('a bad event over HTTP: a letter, a dry run, a fix, stored once, however often it is asked for', async () => {
  const [letter] = await bury([{ evt: 'seek', user_id: 'http-1', properties: { n: 1 } }], 'http-1');
  assert.equal(letter!.reason, 'missing_event_name');
  assert.deepEqual(letter!.source, { path: '/events' });

  const plain = await replay({ ids: [letter!.id], dry_run: true });
  assert.deepEqual([plain.matched, plain.accepted, plain.rejected], [1, 0, 1]);
  assert.equal(plain.results[0]!.code, 'missing_event_name');
  assert.equal(plain.results[0]!.payload, letter!.payload);

  const dry = await replay({ ids: [letter!.id], fix: [setName], dry_run: true });
  assert.deepEqual([dry.matched, dry.accepted, dry.rejected, dry.next_cursor], [1, 1, 0, null]);
  const would = JSON.parse(dry.results[0]!.event!) as Stored;
  assert.equal(would.event_name, 'seek');
  await drained();
  assert.deepEqual(await stored('http-1'), [], 'a dry run writes nothing');
  const open = await service.get<Letter & { history: object[] }>(`/v1/dead-letters/${letter!.id}`);
  assert.equal(open.state, 'open');
  assert.deepEqual(open.history, [
    { state: 'open', at: letter!.received_at, by: null, event_id: null, fix: [] },
  ]);

  const first = await replay({ ids: [letter!.id], fix: [setName] });
  assert.deepEqual([first.accepted, first.results[0]!.event_id], [1, would.event_id]);
  assert.ok(!('payload' in first.results[0]!));
  await until('it is stored', async () => (await stored('http-1')).length === 1);
  const [event] = await stored('http-1');
  assert.equal(event!.event_id, would.event_id);
  assert.equal(event!.received_at, letter!.received_at, 'the first receipt counts');
  assert.equal(event!.timestamp, letter!.received_at);
  assert.deepEqual(event!.properties, { n: 1 });

  const second = await replay({ ids: [letter!.id], fix: [setName] });
  assert.deepEqual([second.matched, second.accepted, second.rejected], [1, 0, 1]);
  assert.equal(second.results[0]!.code, 'already_replayed');
  await drained();
  assert.equal((await stored('http-1')).length, 1);
  const one = await service.get<Letter & { history: object[] }>(`/v1/dead-letters/${letter!.id}`);
  assert.equal(one.state, 'replayed');
  const [, change] = one.history as [object, { at: string }];
  assert.deepEqual(change, {
    state: 'replayed',
    at: change.at,
    by: 'local',
    event_id: would.event_id,
    fix: [setName],
  });
});

test('a letter from a record of the log: collisions need an id of their own, which is the same at every attempt', async () => {
  const id = '0196a9f0-0000-7000-8000-00000000c011';
  const send = (n: number) =>
    service.post('/events', [
      { event_name: 'seek', event_id: id, user_id: 'log-1', properties: { mark: `log-1-${n}` } },
    ]);
  assert.equal((await send(1)).status, 202);
  await until('the first is stored', async () => (await stored('log-1')).length === 1);
  assert.equal((await send(2)).status, 202);
  const [letter] = await lettersWith('log-1-2', 1);
  assert.equal(letter!.reason, 'id_collision');
  assert.equal(letter!.source.topic, 'analytics.v1');

  const same = await replay({ ids: [letter!.id] });
  assert.deepEqual([same.rejected, same.results[0]!.code], [1, 'id_collision']);
  assert.match(same.results[0]!.reason!, /set event_id, or remove it/);

  const fix = [{ op: 'remove', field: 'event_id' }];
  const dry = await replay({ reason: 'id_collision', fix, dry_run: true });
  const done = await replay({ reason: 'id_collision', fix });
  assert.deepEqual([done.matched, done.accepted], [1, 1]);
  assert.equal(done.results[0]!.event_id, dry.results[0]!.event_id);
  assert.notEqual(done.results[0]!.event_id, id);
  await until('both are stored', async () => (await stored('log-1')).length === 2);
  assert.equal((await replay({ reason: 'id_collision', fix })).matched, 0, 'no open one is left');
});

test('many by reason, page by page, the oldest first; what cannot be mended stays open', async () => {
  const letters = await bury(
    Array.from({ length: 7 }, (_, i) => ({
      event_name: 'seek',
      user_id: 'many-1',
      timestamp: i === 3 ? 'nobody knows' : `2026/03/0${i + 1} 10:00`,
    })).map((event, i) => ({ ...event, properties: { i } })),
    'many-1',
  );
  assert.ok(letters.every(({ reason }) => reason === 'invalid_timestamp'));
  const { data: groups } =
    await service.get<Page<{ reason: string; count: number; open: number }>>('/v1/dead-letters/groups');
  assert.equal(groups.find(({ reason }) => reason === 'invalid_timestamp')!.open, 7);

  const now = new Date();
  const fix = [{ op: 'set', field: 'timestamp', value: now.toISOString() }];
  const cast = [{ op: 'cast', field: 'timestamp', value: 'timestamp' }];
  const refused = await replay({ reason: 'invalid_timestamp', fix: cast, dry_run: true });
  assert.equal(refused.results.filter(({ code }) => code === 'fix_failed').length, 1);
  assert.match(
    refused.results.find(({ code }) => code === 'fix_failed')!.reason!,
    /^fix\[0\]: timestamp is "nobody/,
  );

  const seen: string[] = [];
  let cursor: string | null | undefined;
  do {
    const part: Replayed = await replay({
      reason: 'invalid_timestamp',
      fix: [...fix, { op: 'cast', field: 'properties.i', value: 'string' }],
      limit: 3,
      ...(cursor && { cursor }),
    });
    assert.ok(part.matched <= 3);
    seen.push(...part.results.map(({ id }) => id));
    cursor = part.next_cursor;
  } while (cursor !== null);
  assert.equal(new Set(seen).size, 7);
  await until('all are stored', async () => (await stored('many-1')).length === 7);
  const { data: left } = await service.get<Page<Letter>>(
    '/v1/dead-letters?reason=invalid_timestamp&state=open',
  );
  assert.deepEqual(left, []);
  const { data: done } = await service.get<Page<Letter>>(
    '/v1/dead-letters?reason=invalid_timestamp&state=replayed',
  );
  assert.equal(done.length, 7);
});

test('discarded letters are not open, and may be replayed by name', async () => {
  const [letter] = await bury([{ evt: 'seek', user_id: 'away-1' }], 'away-1');
  const discard = (body: object) =>
    service.post<{ matched: number; discarded: number; rejected: number }>('/v1/dead-letters/discard', body);
  const unknown = '00000000-0000-4000-8000-000000000000';
  const { body } = await discard({ ids: [letter!.id, unknown] });
  assert.deepEqual([body.matched, body.discarded, body.rejected], [1, 1, 1]);
  assert.equal((await service.get<Letter>(`/v1/dead-letters/${letter!.id}`)).state, 'discarded');
  assert.equal((await replay({ reason: 'missing_event_name', fix: [setName] })).matched, 0);
  assert.equal((await replay({ ids: [letter!.id], fix: [setName] })).accepted, 1);
  await until('it is stored', async () => (await stored('away-1')).length === 1);
  assert.equal((await discard({ ids: [letter!.id] })).body.rejected, 1, 'what was replayed stays so');
  assert.equal((await service.get<Letter>(`/v1/dead-letters/${letter!.id}`)).state, 'replayed');
});

test('an event that its sender has sent again meanwhile is not counted twice', async () => {
  const id = '0196a9f0-0000-7000-8000-00000000d0b1';
  const bad = { evt: 'seek', event_id: id, user_id: 'again-1' };
  const [letter] = await bury([bad], 'again-1');
  const sent = { event_name: 'seek', event_id: id, user_id: 'again-1' };
  assert.equal((await service.post('/events', [sent])).status, 202);
  await until('it is stored', async () => (await stored('again-1')).length === 1);
  const dry = await replay({ ids: [letter!.id], fix: [setName], dry_run: true });
  assert.deepEqual([dry.accepted, dry.results[0]!.duplicate], [1, true]);
  const other = await replay({
    ids: [letter!.id],
    fix: [setName, { op: 'set', field: 'properties.x', value: 1 }],
  });
  assert.deepEqual([other.rejected, other.results[0]!.code], [1, 'id_collision']);
  assert.equal((await replay({ ids: [letter!.id], fix: [setName] })).accepted, 1);
  await drained();
  assert.equal((await stored('again-1')).length, 1);
});

test('what is asked wrongly is refused with what would be right', async () => {
  const wrong: [object, RegExp][] = [
    [{}, /by ids, or give a reason/],
    [{ ids: [], reason: 'x' }, /one of the two/],
    [{ ids: ['nonsense'] }, /uuid/],
    [{ reason: 'x', fix: [{ op: 'set', field: 'event_id', value: 'a' }] }, /is for one letter/],
    [{ reason: 'x', fix: [{ op: 'cut', field: 'a' }] }, /fix\[0\]: op is "cut"/],
    [{ reason: 'x', limit: 1001 }, /limit/],
  ];
  for (const [body, detail] of wrong) {
    const answer = await service.post<{ code: string; detail: string }>('/v1/dead-letters/replay', body);
    assert.deepEqual(
      [answer.status, answer.body.code],
      [400, 'invalid_request'],
      JSON.stringify(answer.body),
    );
    assert.match(answer.body.detail, detail);
  }
  const missing = await replay({ ids: ['00000000-0000-4000-8000-000000000000'] });
  assert.deepEqual([missing.matched, missing.rejected, missing.results[0]!.code], [0, 1, 'not_found']);
  const answer = await fetch(`${service.url}/v1/dead-letters/00000000-0000-4000-8000-000000000000`);
  assert.equal(answer.status, 404);
});
