import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Gateway, type Heard, type Listener, openGateway } from './gateway.ts';

const start = (user_id: string, more: object = {}) => ({
  event_name: 'video_start',
  user_id,
  session_id: `s-${user_id}`,
  video_id: 'v',
  ...more,
});
const isEvent = ({ type }: Heard) => type === 'analytics_event';

async function refusal(gateway: Gateway, question = '', options = {}) {
  const error = await gateway.connect(question, options).then(
    () => assert.fail('the handshake went through'),
    (refused: Error & { response: { statusCode: number }; body: string }) => refused,
  );
  return { status: error.response.statusCode, code: (JSON.parse(error.body) as { code: string }).code };
}

test('the numbers come by themselves, and so do events', async (t) => {
  const gateway = await openGateway(t);
  const listener = await gateway.connect();
  assert.equal(gateway.connections(), 1);
  gateway.publish([start('ann', { properties: { bitrate: 1e9 } })]);
  const { payload } = await listener.next('analytics_event');
  assert.equal(payload.event_name, 'video_start');
  assert.equal(payload.user_id, 'ann');
  assert.deepEqual(payload.properties, { bitrate: 1e9 });
  const numbers = (await listener.next('realtime_metrics', (p) => p.concurrent_viewers === 1)).payload;
  const { time, ...five } = numbers;
  assert.deepEqual(five, {
    concurrent_viewers: 1,
    active_streams: 1,
    bandwidth_gbps: 1,
    events_per_second: 1 / 60,
    error_rate: 0,
  });
  assert.equal(new Date(time as string).toISOString(), time);
});

test('a subscription chooses apps, names and a video, for numbers and events', async (t) => {
  const gateway = await openGateway(t);
  const listener = await gateway.connect();
  const wanted = { app_id: 'kids', event_name: ['video_end', 'video_start'], video_id: 'w', events: true };
  assert.deepEqual(await listener.subscribe(wanted), wanted);
  gateway.publish([start('ann', { video_id: 'w' })], 'tube');
  gateway.publish([start('bob'), start('cid', { video_id: 'w', event_name: 'seek' })], 'kids');
  gateway.publish([start('dan'), start('eve', { video_id: 'w' }), start('fay')], 'kids');
  const event = await listener.next('analytics_event');
  assert.equal(event.payload.user_id, 'eve');
  assert.equal(event.skipped, 0);
  await listener.next('realtime_metrics', (p) => p.concurrent_viewers === 4);

  assert.deepEqual(await listener.subscribe({ events: false }), {
    app_id: null,
    event_name: null,
    video_id: null,
    events: false,
  });
  gateway.publish([start('gus')], 'kids');
  await listener.next('realtime_metrics', (p) => p.concurrent_viewers === 6);
  assert.equal(listener.heard.some(isEvent), false);
});

test('the rate of events is bounded, and the rest is told in numbers', async (t) => {
  const gateway = await openGateway(t, { limits: { eventsPerSecondMax: 5 } });
  const listener = await gateway.connect();
  await listener.subscribe({ events: true });
  gateway.publish(Array.from({ length: 100 }, (_, i) => start(`u${i}`)));
  const first = await listener.next('analytics_event');
  assert.equal(first.skipped, 95);
  for (let i = 0; i < 4; i++) assert.equal((await listener.next('analytics_event')).skipped, 0);
  await listener.subscribe({ events: true });
  assert.equal(listener.heard.some(isEvent), false);
});

test('bots are not shown', async (t) => {
  const gateway = await openGateway(t);
  const listener = await gateway.connect();
  const context = { user_agent: 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)' };
  gateway.publish([start('bot', { context }), start('ann')]);
  assert.equal((await listener.next('analytics_event')).payload.user_id, 'ann');
  await listener.next('realtime_metrics', (p) => p.concurrent_viewers === 1);
});

test('a bad message is answered, too large a one or too many close the socket', async (t) => {
  const gateway = await openGateway(t);
  const listener = await gateway.connect();
  for (const [message, code] of [
    ['{', 'invalid_json'],
    ['[]', 'invalid_request'],
    [{ type: 'shout' }, 'invalid_request'],
    [{ type: 'subscribe', payload: { events: 'yes' } }, 'invalid_request'],
    [{ type: 'subscribe', payload: { event_name: [1] } }, 'invalid_request'],
  ] as const) {
    listener.say(message);
    const { payload } = await listener.next('error');
    assert.equal(payload.code, code);
    assert.equal(typeof payload.detail, 'string');
  }
  listener.say('x'.repeat(5_000));
  assert.equal(await listener.closed, 1009);

  const chatty = await gateway.connect();
  for (let i = 0; i < 30; i++) chatty.say('{}');
  assert.equal(await chatty.closed, 1008);
  await gateway.until(0);
});

test('the handshake refuses in plain HTTP', async (t) => {
  const gateway = await openGateway(t, {
    limits: { socketsMax: 1 },
    authorize(request) {
      if (request.headers['x-api-key'] === 'key') return { granted: true, id: 'test', apps: ['tube'] };
      if (request.headers['x-api-key'] === 'poor')
        return { granted: false, code: 'wrong_scope', detail: 'It lacks the scope read.' };
      return { granted: false, code: 'missing_credential', detail: 'Send a key.' };
    },
  });
  const headers = { 'x-api-key': 'key' };
  assert.deepEqual(await refusal(gateway), { status: 401, code: 'missing_credential' });
  const poor = { headers: { 'x-api-key': 'poor' } };
  assert.deepEqual(await refusal(gateway, '', poor), { status: 403, code: 'wrong_scope' });
  const evil = { headers, origin: 'https://evil.example' };
  assert.deepEqual(await refusal(gateway, '', evil), { status: 403, code: 'origin_forbidden' });
  assert.deepEqual(await refusal(gateway, '?app_id=kids', { headers }), {
    status: 403,
    code: 'app_forbidden',
  });
  const listener = await gateway.connect('', { headers, origin: 'https://tv.example' });
  assert.deepEqual(await refusal(gateway, '', { headers }), { status: 503, code: 'overloaded' });

  // Without a choice of apps, it is the caller's apps.
  gateway.publish([start('bob')], 'kids');
  gateway.publish([start('ann')], 'tube');
  assert.equal((await listener.next('analytics_event')).payload.user_id, 'ann');
  const { payload } = await listener.next('realtime_metrics', (p) => p.concurrent_viewers !== 0);
  assert.equal(payload.concurrent_viewers, 1);
  listener.say({ type: 'subscribe', payload: { app_id: 'tube,kids' } });
  assert.equal((await listener.next('error')).payload.code, 'app_forbidden');
  listener.socket.close();
  await gateway.until(0);
  await gateway.connect('', { headers });
});

test('a peer that does not answer pings is cut, one that does stays', async (t) => {
  const gateway = await openGateway(t, { limits: { pingEveryMs: 100 } });
  const dead = await gateway.connect('', { autoPong: false });
  const living = await gateway.connect();
  assert.equal(await dead.closed, 1006);
  await gateway.until(1);
  await living.next('realtime_metrics');
  assert.equal(living.socket.readyState, living.socket.OPEN);
});

test('a slow reader is skipped, then cut, and others hear everything', async (t) => {
  const limits = {
    bufferedBytesMax: 65_536,
    slowAfterMs: 50,
    closeTimeoutMs: 100,
    eventsPerSecondMax: 1_000_000,
  };
  const gateway = await openGateway(t, { limits: { ...limits, totalEventsPerSecondMax: 1_000_000 } });
  const slow = await gateway.connect();
  const quick = await gateway.connect();
  slow.socket.pause();
  const note = 'x'.repeat(30_000);
  let said = 0;
  const cut = gateway.until(1);
  let isCut = false;
  void cut.then(() => {
    isCut = true;
  });
  // Until the kernel's buffers are full too.
  while (!isCut) {
    said++;
    gateway.publish([start(`u${said}`, { properties: { note } })]);
    await quick.next('analytics_event', (p) => p.user_id === `u${said}`);
  }
  assert.equal(gateway.connections(), 1);
  await quick.next('realtime_metrics');
});

test('1,000 sockets hear each broadcast', async (t) => {
  const gateway = await openGateway(t, { tickMs: 3_600_000 });
  const listeners: Listener[] = [];
  for (let i = 0; i < 10; i++) {
    listeners.push(...(await Promise.all(Array.from({ length: 100 }, () => gateway.connect()))));
  }
  assert.equal(gateway.connections(), 1_000);
  for (const user of ['ann', 'bob', 'cid']) {
    gateway.publish([start(user)]);
    const heard = await Promise.all(listeners.map((listener) => listener.next('analytics_event')));
    assert.deepEqual(new Set(heard.map(({ payload }) => payload.user_id)), new Set([user]));
  }
  assert.equal(
    listeners.every(({ heard }) => heard.length === 0),
    true,
  );
});

test('at the end every socket is told', async (t) => {
  const gateway = await openGateway(t);
  const listeners = await Promise.all([gateway.connect(), gateway.connect()]);
  await gateway.live.close();
  assert.deepEqual(await Promise.all(listeners.map(({ closed }) => closed)), [1001, 1001]);
  assert.equal(gateway.connections(), 0);
  assert.deepEqual(await refusal(gateway), { status: 503, code: 'closing' });
});
