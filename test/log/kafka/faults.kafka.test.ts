import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { openKafkaLog } from '../../../src/log/kafka/kafka.ts';
import type { KafkaAddress } from '../../../src/log/kafka/options.ts';
import { LogUnavailableError } from '../../../src/log/log.ts';
import { readAs, record, text } from '../../contract/log.ts';
import { type SecureListeners, startKafka, type TestKafka } from '../../support/kafka.ts';
import { missingForKafka } from '../../support/kafka-needs.ts';
import { freePort } from '../../support/ports.ts';

describe('a secured Kafka', { skip: missingForKafka() ?? false, timeout: 120_000 }, () => {
  let kafka: TestKafka;
  let secure: SecureListeners;
  let ca: string;
  let strangerCa: string;
  let user: { username: string; password: string };
  before(async () => {
    kafka = await startKafka({ secure: true });
    secure = kafka.secure!;
    ca = await readFile(secure.certificates.caFile, 'utf8');
    strangerCa = await readFile(secure.certificates.strangerCaFile, 'utf8');
    user = { username: secure.user.name, password: secure.user.password };
    await kafka.createTopic('t', 1);
  });
  after(() => kafka.dispose());

  const open = (address: Omit<KafkaAddress, 'clientId'>) =>
    openKafkaLog({ clientId: 'test', topics: ['t'], ackTimeoutMs: 2_000, ...address });

  async function worksOver(address: Omit<KafkaAddress, 'clientId'>, value: string): Promise<void> {
    const log = await open(address);
    try {
      await log.topic('t').append([record(0, value)]);
      assert.deepEqual(log.health(), { ok: true, reason: null });
      const { end } = (await log.topic('t').lag('nobody'))[0]!;
      assert.equal(text(await readAs(log.topic('t'), `group of ${value}`, end)).at(-1), value);
    } finally {
      await log.close();
    }
  }

  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    it(`${mechanism}: the right password works, over TLS too`, async () => {
      const sasl = { mechanism, ...user };
      await worksOver({ brokers: secure.sasl, sasl }, `${mechanism} plain`);
      await worksOver({ brokers: secure.saslTls, sasl, tls: { ca } }, `${mechanism} over TLS`);
    });

    it(`${mechanism}: a wrong password is told, with the settings to look at`, async () => {
      const sasl = { mechanism, username: user.username, password: 'guessed' };
      await assert.rejects(
        open({ brokers: secure.sasl, sasl }),
        /refuses the user 'alice' by .+ Check ANALYTICS_KAFKA_SASL_USERNAME, ANALYTICS_KAFKA_SASL_PASSWORD/,
      );
    });
  }

  it("TLS with an authority of one's own, and a certificate of ours", async () => {
    const { clientCertFile, clientKeyFile } = secure.certificates;
    const [cert, key] = await Promise.all(
      [clientCertFile, clientKeyFile].map((file) => readFile(file, 'utf8')),
    );
    await worksOver({ brokers: secure.tls, tls: { ca } }, 'one side');
    await worksOver({ brokers: secure.tls, tls: { ca, cert: cert!, key: key! } }, 'both sides');
  });

  it('a certificate of an unknown authority is told', async () => {
    for (const tls of [{}, { ca: strangerCa }])
      await assert.rejects(open({ brokers: secure.tls, tls }), /ANALYTICS_KAFKA_TLS_CA_FILE/);
  });

  it('no TLS where it is spoken is told, and TLS where it is not', async () => {
    await assert.rejects(open({ brokers: secure.tls }), /Set ANALYTICS_KAFKA_TLS=1/);
    await assert.rejects(open({ brokers: kafka.brokers, tls: { ca } }), /Unset ANALYTICS_KAFKA_TLS/);
  });

  it('a topic that is not there names the command that makes it', async () => {
    await assert.rejects(
      openKafkaLog({ clientId: 'test', brokers: kafka.brokers, topics: ['elsewhere'] }),
      /no topic 'elsewhere'.+`sluice topics create`/,
    );
  });

  it('a host that is not there, and a port where nobody listens, are waited for, and told', async () => {
    const nobody = await freePort();
    for (const [brokers, words] of [
      [['kafka.invalid:9092'], /no host 'kafka\.invalid'.+ANALYTICS_KAFKA_BROKERS/],
      [[`127.0.0.1:${nobody}`], /Nothing listens at 127\.0\.0\.1/],
      [secure.sasl, /may ask for SASL/],
    ] as const) {
      const log = await open({ brokers });
      const { ok, reason } = log.health();
      assert.equal(ok, false);
      assert.match(reason!, words);
      await assert.rejects(log.topic('t').append([record(0, 'x')]), (error) => {
        assert.ok(error instanceof LogUnavailableError);
        assert.match(error.message, words);
        return true;
      });
      await log.close();
    }
  });
});
