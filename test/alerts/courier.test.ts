/** Notices over HTTP to real receivers, from a real catalogue. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { type CourierOptions, deliverDue } from '../../src/alerts/courier.ts';
import { type Catalog, openCatalog } from '../../src/catalog/catalog.ts';
import { makeTestFolder } from '../support/clickhouse.ts';
import { openTestReceiver } from './receiver.ts';

const SECRET = 'a secret for tests';
const never = new AbortController().signal;

async function open(t: TestContext, more: Partial<CourierOptions> = {}) {
  const clock = { now: Date.UTC(2026, 0, 1) };
  const now = () => clock.now;
  const catalog = await openCatalog({ dir: makeTestFolder(), now });
  t.after(() => catalog.close());
  await catalog.alertWatch.takeLease('h', 365 * 86_400_000);
  const outcomes: string[] = [];
  const options: CourierOptions = {
    notices: catalog.alertNotices,
    secrets: [Buffer.from(SECRET), Buffer.from('another')],
    timeoutMs: 5_000,
    inFlightMax: 4,
    giveUpAfterMs: 3_600_000,
    allowPrivate: true,
    userAgent: 'sluice/test',
    observer: {
      attempted: (outcome) => outcomes.push(outcome),
      failed(stage, error) {
        throw new Error(stage, { cause: error });
      },
    },
    random: () => 1,
    now,
    ...more,
  };
  return { clock, catalog, options, outcomes };
}

async function tell(catalog: Catalog, url: string, name = 'busy', body = '{"a":1}'): Promise<void> {
  const at = '2026-01-01T00:00:00.000Z';
  const state = { name, app_id: null, state: 'firing' as const, since: at, value: 1, evaluated_at: at };
  const change = {
    state: { ...state, failure: null, told: [url] },
    transition: { was: 'ok' as const, became: 'firing' as const, value: 1, threshold: 0 },
    notices: [{ url, body }],
  };
  assert.ok(await catalog.alertWatch.record('h', [change]));
}

const webhooksOf = async (catalog: Catalog) =>
  (await catalog.alertWatch.history({ limit: 10, name: null })).map(({ webhooks }) => webhooks);

test('a notice is posted, signed with each secret, and not again', async (t) => {
  const { catalog, options, outcomes } = await open(t);
  const receiver = await openTestReceiver(t);
  await tell(catalog, receiver.url);
  assert.equal(await deliverDue(options, never), 1);
  assert.equal(await deliverDue(options, never), 0);
  const [call] = receiver.calls;
  const stamp = call!.headers['webhook-timestamp'];
  const sign = (secret: string) =>
    `v1,${createHmac('sha256', secret).update(`${call!.id}.${stamp}.{"a":1}`).digest('base64')}`;
  assert.equal(call!.headers['webhook-signature'], `${sign(SECRET)} ${sign('another')}`);
  assert.deepEqual(
    [call!.body, call!.headers['content-type'], receiver.calls.length],
    ['{"a":1}', 'application/json', 1],
  );
  assert.deepEqual(await webhooksOf(catalog), [{ delivered: 1, waiting: 0, given_up: 0 }]);
  assert.deepEqual(outcomes, ['delivered']);
});

test('what is not taken is tried again, ever more slowly, under the same id, and given up in the end', async (t) => {
  const { clock, catalog, options, outcomes } = await open(t, { giveUpAfterMs: 60_000 });
  const receiver = await openTestReceiver(t);
  receiver.answer = 503;
  await tell(catalog, receiver.url);
  const attemptsAt: number[] = [];
  for (let second = 0; second <= 70; second++) {
    if ((await deliverDue(options, never)) > 0) attemptsAt.push(second);
    clock.now += 1000;
  }
  // 1, 2, 4, 8, 16, 32 s apart; the last one is later than a minute.
  assert.deepEqual(attemptsAt, [0, 1, 3, 7, 15, 31, 63]);
  assert.equal(new Set(receiver.calls.map(({ id }) => id)).size, 1);
  assert.deepEqual(outcomes, [...Array(7).fill('failed'), 'given_up']);
  assert.deepEqual(await webhooksOf(catalog), [{ delivered: 0, waiting: 0, given_up: 1 }]);
});

test('one that does not answer holds up nobody else, and what is told of one alert comes in order', async (t) => {
  const { clock, catalog, options } = await open(t, { timeoutMs: 100 });
  const [dead, alive] = [await openTestReceiver(t), await openTestReceiver(t)];
  dead.answer = null;
  await tell(catalog, dead.url, 'busy', '1');
  clock.now += 1;
  await tell(catalog, dead.url, 'busy', '2');
  clock.now += 1;
  await tell(catalog, alive.url, 'other', '3');
  await deliverDue(options, never);
  assert.deepEqual(
    [dead, alive].map(({ calls }) => calls.map(({ body }) => body)),
    [['1'], ['3']],
  );
  dead.answer = 200;
  clock.now += 60_000;
  while ((await deliverDue(options, never)) > 0);
  assert.deepEqual(
    dead.calls.map(({ body }) => body),
    ['1', '1', '2'],
  );
});

test('a private address is not called', async (t) => {
  const { catalog, options } = await open(t, { allowPrivate: false });
  const receiver = await openTestReceiver(t);
  await tell(catalog, receiver.url, 'by address');
  await tell(catalog, receiver.url.replace('127.0.0.1', 'localhost'), 'by name');
  assert.equal(await deliverDue(options, never), 2);
  assert.deepEqual(receiver.calls, []);
  assert.deepEqual(
    (await webhooksOf(catalog)).map(({ waiting }) => waiting),
    [1, 1],
  );
});
