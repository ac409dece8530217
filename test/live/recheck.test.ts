import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HttpProblem } from '../../src/http/problem.ts';
import type { Admission } from '../../src/live/subscription.ts';
import { openGateway } from './gateway.ts';

const limits = { recheckEveryMs: 20 };
const granted = (id: string): Admission => ({ granted: true, id, apps: ['tube'] });
const withKey = (key: string) => ({ headers: { 'x-api-key': key } });

/** A door whose rules change; it counts how often each key was asked for. */
function makeDoor() {
  const rules = new Map<string, Admission | Error>();
  const asked = new Map<string, number>();
  return {
    rules,
    asked,
    async authorize({ headers }: { headers: Record<string, unknown> }): Promise<Admission> {
      const key = String(headers['x-api-key'] ?? '');
      asked.set(key, (asked.get(key) ?? 0) + 1);
      const rule = rules.get(key) ?? granted('anybody');
      if (rule instanceof Error) throw rule;
      return rule;
    },
    /** Waits for so many more rounds. */
    async rounds(key: string, count: number): Promise<void> {
      const until = (asked.get(key) ?? 0) + count;
      while ((asked.get(key) ?? 0) < until) await new Promise((resolve) => setTimeout(resolve, 5));
    },
  };
}

test('sockets whose credential is refused are closed with its reason, others stay', async (t) => {
  const door = makeDoor();
  for (const key of ['gone', 'poor', 'other', 'good']) door.rules.set(key, granted(key));
  const gateway = await openGateway(t, { limits, authorize: door.authorize });
  const gone = [await gateway.connect('', withKey('gone')), await gateway.connect('', withKey('gone'))];
  const [poor, other, good] = [
    await gateway.connect('', withKey('poor')),
    await gateway.connect('', withKey('other')),
    await gateway.connect('', withKey('good')),
  ];
  const anybody = await gateway.connect();
  await door.rounds('good', 3);
  assert.equal(gateway.connections(), 6);

  const refuse = (code: 'invalid_credential' | 'wrong_scope', detail: string): Admission => ({
    granted: false,
    code,
    detail,
  });
  door.rules.set('gone', refuse('invalid_credential', 'It was revoked.'));
  door.rules.set('poor', refuse('wrong_scope', `It reads no more. ${'x'.repeat(200)}`));
  // The door became open, and lets its bearer in as anybody.
  door.rules.set('other', granted('anybody'));
  for (const one of gone) assert.deepEqual([await one.closed, one.reason], [4401, 'It was revoked.']);
  assert.equal(await poor.closed, 4403);
  assert.match(poor.reason, /^It reads no more\. x+$/);
  assert.equal(await other.closed, 4401);
  await gateway.until(2);
  await door.rounds('good', 3);
  for (const one of [good, anybody]) {
    assert.equal(one.socket.readyState, one.socket.OPEN);
    one.heard.length = 0;
    await one.next('realtime_metrics');
  }
});

test('who is let in already stays while nobody can tell', async (t) => {
  const door = makeDoor();
  door.rules.set('k', granted('k'));
  const gateway = await openGateway(t, { limits, authorize: door.authorize });
  const listener = await gateway.connect('', withKey('k'));
  door.rules.set('k', new HttpProblem('overloaded', 'Later.'));
  await door.rounds('k', 5);
  assert.equal(listener.socket.readyState, listener.socket.OPEN);
  door.rules.set('k', { granted: false, code: 'invalid_credential', detail: 'No.' });
  assert.equal(await listener.closed, 4401);
});

test('a credential is asked for once, however many sockets it has', async (t) => {
  const door = makeDoor();
  const gateway = await openGateway(t, {
    limits: { ...limits, sliceSockets: 3 },
    authorize: door.authorize,
  });
  const sockets = 12;
  for (let i = 0; i < sockets; i++) await gateway.connect('', withKey('many'));
  door.rules.set('few', granted('few'));
  await gateway.connect('', withKey('few'));
  await door.rounds('few', 1);
  const before = { many: door.asked.get('many')!, few: door.asked.get('few')! };
  await door.rounds('few', 5);
  const grown = {
    many: door.asked.get('many')! - before.many,
    few: door.asked.get('few')! - before.few,
  };
  assert.ok(Math.abs(grown.many - grown.few) <= 1, JSON.stringify(grown));
  door.rules.set('many', { granted: false, code: 'invalid_credential', detail: 'No.' });
  await gateway.until(1);
});
