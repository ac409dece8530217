/** Dead letters of foreign producers on a real Kafka: mended, replayed into the topic, stored once. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Producer } from '@platformatic/kafka';
import { coordinateEventId, formatUuid } from '../../src/event/kernel/uuid.ts';
import { DEAD_LETTER_TOPIC, DERIVED_TOPIC } from '../../src/topics.ts';
import { until } from '../faults/verify.ts';
import { startKafka, type TestKafka } from '../support/kafka.ts';
import { missingForKafka } from '../support/kafka-needs.ts';
import { startTestService, type TestService } from '../support/service.ts';

const TOPIC = 'letters';
const PARTITIONS = 3;

interface Letter {
  readonly id: string;
  readonly reason: string;
  readonly payload: string;
  readonly source: {
    readonly topic: string;
    readonly partition: number;
    readonly offset: number;
    readonly index: number;
  };
}

interface Replayed {
  readonly matched: number;
  readonly accepted: number;
  readonly results: readonly { readonly code: string | null; readonly event_id: string | null }[];
}

describe('dead letters on Kafka', { skip: missingForKafka() ?? false }, () => {
  let kafka: TestKafka;
  let service: TestService;

  before(async () => {
    kafka = await startKafka();
    await kafka.createTopic(TOPIC, PARTITIONS);
    for (const topic of [DEAD_LETTER_TOPIC, DERIVED_TOPIC]) await kafka.createTopic(topic, 1);
    service = await startTestService({
      ANALYTICS_KAFKA_BROKERS: kafka.brokers.join(),
      ANALYTICS_KAFKA_TOPIC: TOPIC,
      ANALYTICS_KAFKA_GROUP_ID: TOPIC,
    });
  });

  after(async () => {
    await service?.stop();
    await kafka?.dispose();
  });

  test('a record of a foreign producer', async () => {
    const producer = new Producer({ clientId: 'foreign', bootstrapBrokers: kafka.brokers });
    const values = [
      '{"evt":"seek","user_id":"foreign"}',
      '{"event_name":"page_view","user_id":"foreign"}\n{"evt":"seek","user_id":"foreign","event_id":"own"}',
      'not an event of the foreign',
    ];
    await producer.send({
      messages: values.map((value) => ({ topic: TOPIC, partition: 2, value: Buffer.from(value) })),
      acks: -1,
    });
    await producer.close();
    let letters: readonly Letter[] = [];
    await until('the letters are there', async () => {
      letters = (await service.get<{ data: Letter[] }>('/v1/dead-letters')).data;
      return letters.length === 3;
    });
    const named = letters.filter(({ reason }) => reason === 'missing_event_name');
    assert.equal(named.length, 2);

    const ask = { reason: 'missing_event_name', fix: [{ op: 'rename', field: 'evt', value: 'event_name' }] };
    const { body } = await service.post<Replayed>('/v1/dead-letters/replay', ask);
    assert.deepEqual([body.matched, body.accepted], [2, 2]);
    const bare = named.find(({ payload }) => !payload.includes('own'))!;
    const { topic, partition, offset, index } = bare.source;
    assert.deepEqual([topic, partition, index], [TOPIC, 2, 0]);
    // Under the origin, as the rows of this log have it.
    await until('its neighbour is stored', async () => (await stored()).length >= 1);
    const [row] = await service.store!.client.select<{ origin: string }>(
      'SELECT DISTINCT log_topic AS origin FROM events',
    );
    assert.ok(row!.origin.startsWith(`${topic}@`));
    const place = formatUuid(coordinateEventId(row!.origin, partition, offset, index));
    assert.ok(
      body.results.some(({ event_id }) => event_id === place),
      'the id that it would have had',
    );
    const again = await service.post<Replayed>('/v1/dead-letters/replay', {
      ids: named.map(({ id }) => id),
      fix: ask.fix,
    });
    assert.deepEqual(
      again.body.results.map(({ code }) => code),
      ['already_replayed', 'already_replayed'],
    );
    const broken = letters.find(({ reason }) => reason === 'invalid_json')!;
    const anew = { event_name: 'seek', user_id: 'foreign', properties: { mended: true } };
    const whole = await service.post<Replayed>('/v1/dead-letters/replay', {
      ids: [broken.id],
      fix: [{ op: 'set', field: '.', value: anew }],
    });
    assert.equal(whole.body.accepted, 1);

    await until('all are stored', async () => (await stored()).length >= 4);
    await until('nothing is in flight', async () => {
      const { totals } = await service.get<{ totals: { in_flight: number; unaccounted: number } }>(
        '/v1/ledger',
      );
      return totals.in_flight === 0 && totals.unaccounted === 0;
    });
    const ids = (await stored()).map(({ event_id }) => event_id);
    assert.equal(ids.length, 4);
    assert.equal(new Set(ids).size, 4);
    assert.ok(ids.includes(place));
  });

  async function stored(): Promise<readonly { readonly event_id: string }[]> {
    return (await service.get<{ data: { event_id: string }[] }>('/v1/events?user_id=foreign')).data;
  }
});
