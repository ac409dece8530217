/** A service that is killed after a replay was durable and before the letter was marked: asked again, it counts once. */
import assert from 'node:assert/strict';
import { createServer, request as forward, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { makeTestFolder, startTestClickHouse } from '../support/clickhouse.ts';
import { freePort } from '../support/ports.ts';
import { Harness } from './harness.ts';
import { until } from './verify.ts';

interface Letter {
  readonly id: string;
  readonly payload: string;
  readonly state: string;
}

/** Hands everything on to ClickHouse, but for writes of what became of letters while it is told to hold those back. */
class Gate {
  #held = Promise.withResolvers<void>();
  #holding = false;
  readonly #server: Server;

  constructor(target: string) {
    this.#server = createServer((request, response) => {
      const asked = decodeURIComponent(request.url ?? '').replaceAll('+', ' ');
      if (this.#holding && asked.includes('INSERT INTO dead_letter_states')) {
        this.#held.resolve();
        return;
      }
      const { method, headers, url } = request;
      const onward = forward(new URL(url ?? '/', target), { method: method ?? 'GET', headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      onward.on('error', () => response.destroy());
      response.on('close', () => onward.destroy());
      request.pipe(onward);
    });
  }

  async open(t: TestContext): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      this.#server.closeAllConnections();
      this.#server.close();
    });
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves when the next such write was held back. */
  hold(): Promise<void> {
    this.#holding = true;
    this.#held = Promise.withResolvers<void>();
    return this.#held.promise;
  }

  release(): void {
    this.#holding = false;
  }
}

test('killed between the append and the mark', async (t) => {
  const clickhouse = await startTestClickHouse(t);
  const gate = new Gate(clickhouse.endpoint.url);
  const harness = new Harness({
    dir: makeTestFolder(),
    port: await freePort(),
    env: {
      ANALYTICS_CH_URL: await gate.open(t),
      ANALYTICS_CH_USER: clickhouse.endpoint.username,
      ANALYTICS_CH_PASSWORD: clickhouse.endpoint.password,
      ANALYTICS_CH_DATABASE: clickhouse.database,
      ANALYTICS_CH_AUTO_CREATE: '1',
    },
  });
  t.after(() => harness.close());
  await harness.start();
  const send = async (path: string, body: unknown) =>
    await fetch(harness.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const events = [
    { event_name: 'page_view', user_id: 'someone' },
    { evt: 'seek', user_id: 'killed', event_id: 'mine' },
    { evt: 'seek', user_id: 'killed' },
  ];
  assert.equal((await send('/events', events)).status, 202);
  const list = async (): Promise<Letter[]> => {
    const answer = await fetch(`${harness.url}/v1/dead-letters`);
    return ((await answer.json()) as { data: Letter[] }).data;
  };
  await until('the letters are there', async () => (await list()).length === 2);
  const countStored = async () => {
    const [row] = await clickhouse.client.select<{ rows: number; ids: number }>(
      "SELECT count() AS rows, uniqExact(event_id) AS ids FROM events WHERE user_id = 'killed'",
    );
    return [row!.rows, row!.ids];
  };

  const replay = { reason: 'missing_event_name', fix: [{ op: 'rename', field: 'evt', value: 'event_name' }] };
  const held = gate.hold();
  const asked = send('/v1/dead-letters/replay', replay).then(
    () => assert.fail('it was answered before it was marked'),
    () => {},
  );
  await held;
  await harness.killService();
  await asked;
  gate.release();

  await harness.start();
  assert.deepEqual(
    (await list()).map(({ state }) => state),
    ['open', 'open'],
  );
  for (const expected of [2, 0]) {
    const answer = await send('/v1/dead-letters/replay', replay);
    assert.equal(answer.status, 200);
    const { accepted, rejected } = (await answer.json()) as { accepted: number; rejected: number };
    assert.deepEqual([accepted, rejected], [expected, 0]);
  }
  await until('both are stored', async () => (await countStored())[0]! >= 2);
  await until('nothing is in flight', async () => {
    const answer = await fetch(`${harness.url}/v1/ledger`);
    const { totals } = (await answer.json()) as { totals: { in_flight: number; received: number } };
    // The good one, and both replayed ones: at least once, and as often as they were appended.
    return totals.in_flight === 0 && totals.received >= 3;
  });
  assert.deepEqual(await countStored(), [2, 2]);
  assert.deepEqual(
    (await list()).map(({ state }) => state),
    ['replayed', 'replayed'],
  );
});
