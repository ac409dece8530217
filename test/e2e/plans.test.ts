/** Tracking plans of a running service: what they let through, what becomes of the rest, and who may change them. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { until } from '../faults/verify.ts';
import { startTestService } from '../support/service.ts';

interface Plan {
  event_name: string;
  app_id: string | null;
  mode: string;
  effective_at: string;
  violations: { mode: string; path: string; expected: string; count: number; event_id: string }[];
}
const WANTS_PRICE = { type: 'object', required: ['price'], properties: { price: { type: 'number' } } };
const admin = { authorization: 'Bearer boss' };

test('a plan is kept, enforced, changed and deleted while events come', { timeout: 180_000 }, async (t) => {
  const service = await startTestService({ ANALYTICS_ADMIN_KEY: 'boss' });
  t.after(() => service.stop());
  const call = async <T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = admin,
  ) => {
    const answer = await fetch(service.url + path, {
      method,
      headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: (await answer.json()) as T };
  };
  const send = async (...events: object[]) =>
    assert.equal((await service.post('/events', events)).status, 202);
  const stored = async () => {
    const query =
      "SELECT event_name, app_id, toInt32(JSONExtractInt(properties, 'n')) FROM events ORDER BY 3";
    return (await call<{ rows: unknown[][] }>('POST', '/query', { query })).body.rows.map((row) => row[2]);
  };
  const letters = async () =>
    (
      await call<{ data: { id: string; reason: string; detail: string; state: string }[] }>(
        'GET',
        '/v1/dead-letters',
      )
    ).body.data;
  const inForce = async (plan: Plan) =>
    await until('it is in force', async () => Date.now() > Date.parse(plan.effective_at));
  const buy = (n: number, more: object = {}, app_id = 'a') => ({
    event_name: 'buy',
    app_id,
    properties: { n, ...more },
  });

  await send(buy(1), buy(2, { price: 1 }));
  await until('both are stored', async () => (await stored()).length === 2);
  const tried = await call<{ checked: number; violations: number; examples: object[] }>(
    'POST',
    '/v1/plans/buy/check',
    { schema: WANTS_PRICE },
  );
  assert.deepEqual(
    [tried.status, tried.body.checked, tried.body.violations, tried.body.examples.length],
    [200, 2, 1, 1],
  );

  const tryOne = async (properties: object) =>
    (
      await call<{ checked: number; violations: number; examples: object[] }>('POST', '/v1/plans/new/check', {
        schema: WANTS_PRICE,
        properties,
      })
    ).body;
  assert.deepEqual(await tryOne({ price: 1 }), { checked: 1, violations: 0, examples: [] });
  const example = { event_id: null, app_id: null, timestamp: null, path: 'properties.price' };
  assert.deepEqual(await tryOne({ price: 'free' }), {
    checked: 1,
    violations: 1,
    examples: [{ ...example, expected: 'must be number' }],
  });

  const put = await call<Plan>('PUT', '/v1/plans/buy', {
    mode: 'quarantine',
    schema: WANTS_PRICE,
    owner: 'shop',
  });
  assert.equal(put.status, 200);
  await inForce(put.body);
  await send(buy(3), buy(4, { price: 2 }), { event_name: 'seek', app_id: 'a', properties: { n: 5 } });
  await until('it is quarantined', async () => (await letters()).length === 1);
  const [letter] = await letters();
  assert.deepEqual([letter!.reason, letter!.detail], ['plan_violation', 'properties.price: must be there']);
  await until('the others are stored', async () => (await stored()).length === 4);
  assert.deepEqual(await stored(), [1, 2, 4, 5]);
  // The ledger, and the violations with it, are written behind the rows.
  await until('the ledger says so', async () => {
    const { totals } = (await call<{ totals: Record<string, number> }>('GET', '/v1/ledger')).body;
    assert.deepEqual([totals.received, totals.stored, totals.quarantined, totals.unaccounted], [5, 4, 1, 0]);
    return true;
  });
  const violations = async (path: string) =>
    (await call<Plan>('GET', path)).body.violations.map(({ mode, path, count }) => [mode, path, count]);
  assert.deepEqual(await violations('/v1/plans/buy'), [['quarantine', 'properties.price', 1]]);
  await until('it is counted', async () => {
    const metrics = await (await fetch(service.metricsUrl)).text();
    assert.match(metrics, /analytics_plan_violations_total\{event_name="buy"\} 1/);
    return true;
  });

  // As it is the letter fails again; mended it goes through.
  const replay = async (fix: object[]) =>
    call<{ accepted: number }>('POST', '/v1/dead-letters/replay', {
      ids: (await letters()).filter(({ state }) => state === 'open').map(({ id }) => id),
      fix,
    });
  assert.equal((await replay([])).body.accepted, 1);
  await until('it is a letter again', async () => (await letters()).length === 2);
  const mended = await replay([{ op: 'set', field: 'properties.price', value: 3 }]);
  assert.equal(mended.body.accepted, 1, JSON.stringify(mended.body));
  await until('it is stored', async () => (await stored()).includes(3));

  // An app of its own: only warned.
  const own = await call<Plan>('PUT', '/v1/plans/buy?app_id=b', { mode: 'warn', schema: WANTS_PRICE });
  await inForce(own.body);
  await send(buy(6, {}, 'b'), buy(7, {}, 'b'));
  await until('they are stored', async () => (await stored()).includes(7));
  await until('the violations are told', async () => {
    assert.deepEqual(await violations('/v1/plans/buy?app_id=b'), [['warn', 'properties.price', 2]]);
    return true;
  });

  const bad = await call<{ code: string; detail: string }>('PUT', '/v1/plans/buy', {
    mode: 'warn',
    schema: { pattern: 'x' },
  });
  assert.deepEqual([bad.status, bad.body.code], [400, 'invalid_request']);
  assert.match(bad.body.detail, /schema\.pattern: is no word/);

  // Each plan's count is the sum of what is told of it.
  const counted = async (headers: Record<string, string>) =>
    (
      await call<{ data: { app_id: string | null; violations?: number }[] }>(
        'GET',
        '/v1/plans?violations=true',
        undefined,
        headers,
      )
    ).body.data.map(({ app_id, violations }) => [app_id, violations]);
  const total = async (path: string) => (await violations(path)).reduce((sum, [, , n]) => sum + Number(n), 0);
  assert.deepEqual(await counted(admin), [
    [null, await total('/v1/plans/buy')],
    ['b', 2],
  ]);

  // Who is limited to an app has to do with its plans.
  const made = await call<{ key: string }>('POST', '/v1/keys', { scopes: ['read', 'admin'], apps: ['a'] });
  const limited = { authorization: `Bearer ${made.body.key}` };
  const list = await call<{ data: Plan[] }>('GET', '/v1/plans', undefined, limited);
  assert.deepEqual(
    list.body.data.map(({ app_id }) => app_id),
    [null],
  );
  assert.deepEqual(await counted(limited), [[null, (await total('/v1/plans/buy')) - 2]]);
  for (const [method, path, status] of [
    ['PUT', '/v1/plans/buy', 403],
    ['DELETE', '/v1/plans/buy', 403],
    ['GET', '/v1/plans/buy?app_id=b', 403],
    ['GET', '/v1/plans/none', 404],
    ['PUT', '/v1/plans/buy?app_id=a', 200],
    ['DELETE', '/v1/plans/buy?app_id=a', 200],
  ] as const) {
    const body = method === 'PUT' ? { mode: 'warn', schema: {} } : undefined;
    assert.equal((await call(method, path, body, limited)).status, status, `${method} ${path}`);
  }
  const theirs = await call<Plan>('GET', '/v1/plans/buy', undefined, limited);
  assert.deepEqual(
    theirs.body.violations.map(({ count }) => count),
    [2],
    'of the app a alone',
  );

  // The command line works on the same catalogue, and the service sees it.
  const run = async (...words: string[]) =>
    (
      await promisify(execFile)(process.execPath, ['bin/sluice.mjs', 'plan', ...words], {
        env: { ...process.env, ANALYTICS_DATA_DIR: service.dataDir },
      })
    ).stdout;
  const file = join(service.dataDir, 'plans.json');
  writeFileSync(
    file,
    JSON.stringify([{ event_name: 'sell', mode: 'quarantine', schema: { required: ['x'] } }]),
  );
  assert.match(await run('put', file), /^sell {2}quarantine/);
  assert.match(await run('list'), /buy {2}quarantine[\s\S]*sell {2}quarantine/);
  assert.equal((await call('GET', '/v1/plans/sell')).status, 200);
  assert.match(await run('delete', 'buy'), /deleted/);
  const gone = await call<{ data: Plan[] }>('GET', '/v1/plans');
  assert.deepEqual(
    gone.body.data.map(({ event_name, app_id }) => [event_name, app_id]),
    [
      ['buy', 'b'],
      ['sell', null],
    ],
  );
  let n = 100;
  await until('buy is free again', async () => {
    await send(buy(n++));
    return (await stored()).some((id) => (id as number) >= 100);
  });
  const audit = await call<{ data: { action: string }[] }>('GET', '/v1/audit');
  const actions = audit.body.data.map(({ action }) => action);
  for (const action of [
    'PUT /v1/plans/:event_name',
    'DELETE /v1/plans/:event_name',
    'sluice plan put',
    'sluice plan delete',
  ])
    assert.ok(actions.includes(action), action);
  assert.ok(!actions.some((action) => action.includes('check')));
});
