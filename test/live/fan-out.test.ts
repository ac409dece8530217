import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WebSocket } from 'ws';
import { FanOut } from '../../src/live/fan-out.ts';

function openFake(log: string[], name: string) {
  const socket = { readyState: 1, bufferedAmount: 0, send: (data: Buffer) => log.push(`${name} ${data}`) };
  return {
    socket: socket as unknown as WebSocket,
    slowSince: 0,
    set: (fields: object) => Object.assign(socket, fields),
  };
}

function setUp(sliceSockets: number, messagesMax = 10) {
  const clock = { now: 1 };
  const givenUp: object[] = [];
  const fanOut = new FanOut({
    sliceSockets,
    bufferedBytesMax: 100,
    slowAfterMs: 50,
    messagesMax,
    now: () => clock.now,
    giveUp: (receiver) => givenUp.push(receiver),
  });
  return { fanOut, clock, givenUp };
}

const turn = () => new Promise(setImmediate);

test('messages go out in order, a slice of sockets at a turn of the event loop', async () => {
  const { fanOut } = setUp(3);
  const log: string[] = [];
  const receivers = ['a', 'b', 'c', 'd'].map((name) => openFake(log, name));
  fanOut.send(receivers, '1');
  fanOut.send(receivers.slice(0, 2), '2');
  assert.equal(log.length, 0);
  await turn();
  assert.deepEqual(log, ['a 1', 'b 1', 'c 1']);
  await turn();
  assert.deepEqual(log.slice(3), ['d 1', 'a 2', 'b 2']);
});

test('there is an end to what waits', async () => {
  const { fanOut } = setUp(3, 2);
  const log: string[] = [];
  const receiver = openFake(log, 'a');
  assert.deepEqual(
    [1, 2, 3].map((n) => fanOut.send([receiver], String(n))),
    [true, true, false],
  );
  await turn();
  assert.deepEqual(log, ['a 1', 'a 2']);
  assert.equal(fanOut.send([receiver], '4'), true);
  fanOut.stop();
  await turn();
  assert.equal(log.length, 2);
});

test('a slow socket is skipped, forgiven when it catches up, given up when it does not', async () => {
  const { fanOut, clock, givenUp } = setUp(10);
  const log: string[] = [];
  const slow = openFake(log, 'slow');
  const send = async () => {
    fanOut.send([slow], 'x');
    await turn();
  };
  slow.set({ bufferedAmount: 101 });
  await send();
  clock.now += 49;
  await send();
  slow.set({ bufferedAmount: 100 });
  await send();
  assert.equal(log.length, 1);
  slow.set({ bufferedAmount: 101 });
  clock.now += 49;
  await send();
  assert.equal(givenUp.length, 0);
  clock.now += 50;
  await send();
  assert.deepEqual(givenUp, [slow]);
  assert.equal(log.length, 1);
});
