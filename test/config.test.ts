import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, isGuarded, isLoopback, readConfig, settingsMarkdown } from '../src/config.ts';
import type { NumberSetting, Setting } from '../src/settings/setting.ts';
import { settings } from '../src/settings.ts';

const all = Object.entries<Setting>(settings);
const numbers = all.flatMap(([name, setting]) =>
  setting.kind === 'number' ? [{ name, setting: setting as NumberSetting }] : [],
);

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.faults;
  }
  return [];
}

test('nothing set: every default, and each is within its own bounds', () => {
  const config = readConfig({});
  for (const [name, setting] of all) {
    assert.deepEqual(config[name as keyof typeof config], setting.default, name);
    if (setting.kind === 'number')
      assert.ok(setting.default >= setting.min && setting.default <= setting.max, name);
    if (setting.kind === 'choice') assert.ok(setting.choices.includes(setting.default), name);
  }
  assert.deepEqual(config.sources, [{ topic: 'analytics.v1', dialect: 'native', app: null }]);
  assert.deepEqual([...config.roleSet], ['ingest', 'pipeline', 'query', 'live']);
});

test('set to nothing is not set', () => {
  const empty = Object.fromEntries(all.flatMap(([, setting]) => setting.env.map((key) => [key, ''])));
  assert.deepEqual(readConfig(empty), readConfig({}));
});

test('no two settings share a name', () => {
  const names = all.flatMap(([, setting]) => setting.env);
  assert.equal(new Set(names).size, names.length);
});

test('numbers: every name, both bounds, and one beyond each', () => {
  for (const { name, setting } of numbers) {
    for (const key of setting.env) {
      const scale = setting.scaled?.[key] ?? 1;
      for (const bound of [setting.min, setting.max]) {
        // A bound may be at odds with another setting's default; the value itself must be fine.
        const faults = faultsOf({ [key]: String(bound / scale) }).filter((fault) =>
          fault.startsWith(`${key} is`),
        );
        assert.deepEqual(faults, [], `${name} by ${key} at ${bound}`);
      }
      const beyond = [(setting.min - 1) / scale, (setting.max + 1) / scale];
      for (const value of [...beyond.map(String), 'many', 'NaN', 'Infinity', '5 s', ' ']) {
        const faults = faultsOf({ [key]: value }).filter((fault) => fault.startsWith(`${key} is`));
        assert.equal(faults.length, 1, `${name} by ${key} as '${value}'`);
      }
    }
  }
});

test('the first name wins over the others, in their order', () => {
  for (const { name, setting } of numbers) {
    if (setting.env.length < 2) continue;
    const env = Object.fromEntries(
      setting.env.map((key, i) => [
        key,
        String((setting.default + setting.env.length - i) / (setting.scaled?.[key] ?? 1)),
      ]),
    );
    for (const [i, key] of setting.env.entries()) {
      const expected = setting.default + setting.env.length - i;
      assert.equal(Math.round(readConfig(env)[name as 'port']), expected, `${name} by ${key}`);
      delete env[key];
    }
  }
});

test("the seeds' names", () => {
  const config = readConfig({
    PORT: '4000',
    LOG_LEVEL: 'debug',
    KAFKA_TOPIC: 'octane.events',
    KAFKA_GROUP_ID: 'mine',
    CLICKHOUSE_HOST: 'db.example',
    CLICKHOUSE_PORT: '9123',
    CLICKHOUSE_DATABASE: 'metrics',
    CLICKHOUSE_USER: 'ann',
    CLICKHOUSE_PASSWORD: 's3cret',
    BATCH_SIZE: '500',
    FLUSH_INTERVAL: '0.25',
  });
  assert.deepEqual(
    [
      config.port,
      config.logLevel,
      config.topic,
      config.groupId,
      config.chUrl,
      config.chDatabase,
      config.chUser,
    ],
    [4000, 'debug', 'octane.events', 'mine', 'http://db.example:9123', 'metrics', 'ann'],
  );
  assert.deepEqual([config.chPassword, config.batchRows, config.flushMs], ['s3cret', 500, 250]);
  assert.equal(readConfig({ FLUSH_INTERVAL: '5' }).flushMs, 5_000, 'seconds');
  assert.equal(readConfig({ ANALYTICS_CONSUMER_FLUSH_MS: '5' }).flushMs, 5);
  assert.equal(faultsOf({ FLUSH_INTERVAL: '61' }).length, 1);
});

test('ClickHouse as host and port: the usual port, a whole URL, ours first, nonsense', () => {
  assert.equal(readConfig({ CLICKHOUSE_HOST: 'db' }).chUrl, 'http://db:8123');
  assert.equal(readConfig({ CLICKHOUSE_HOST: 'https://db:8443' }).chUrl, 'https://db:8443');
  assert.equal(readConfig({ CLICKHOUSE_PORT: '9000' }).chUrl, '', 'a port alone names no server');
  assert.equal(
    readConfig({ CLICKHOUSE_HOST: 'db', ANALYTICS_CH_URL: 'http://ours:1' }).chUrl,
    'http://ours:1',
  );
  assert.notEqual(faultsOf({ CLICKHOUSE_HOST: 'db', CLICKHOUSE_PORT: 'many' }).length, 0);
  assert.equal(faultsOf({ ANALYTICS_CH_URL: 'db' }).length, 1);
});

test('Valkey as host and number; ours first; nonsense', () => {
  assert.equal(readConfig({ VALKEY_HOST: 'cache' }).redisUrl, 'redis://cache:6379/4');
  const whole = { VALKEY_HOST: 'cache', VALKEY_PORT: '7000', VALKEY_DB: '2', VALKEY_PASSWORD: 'p@ss/word' };
  assert.equal(readConfig(whole).redisUrl, 'redis://:p%40ss%2Fword@cache:7000/2');
  const named = { VALKEY_HOST: 'cache', VALKEY_USERNAME: 'ann', VALKEY_PASSWORD: 'x', VALKEY_DB: '0' };
  assert.equal(readConfig(named).redisUrl, 'redis://ann:x@cache:6379/0');
  assert.equal(readConfig({ VALKEY_DB: '3' }).redisUrl, '', 'a number alone names no server');
  assert.equal(
    readConfig({ VALKEY_HOST: 'cache', ANALYTICS_REDIS_URL: 'rediss://ours:1' }).redisUrl,
    'rediss://ours:1',
  );
  assert.equal(faultsOf({ VALKEY_HOST: 'cache', VALKEY_DB: 'four' }).length, 1);
});

test('URLs of PostgreSQL and Redis are looked at, and their passwords not repeated', () => {
  assert.equal(readConfig({ ANALYTICS_PG_URL: 'postgresql://db/sluice' }).pgUrl, 'postgresql://db/sluice');
  for (const name of ['ANALYTICS_PG_URL', 'ANALYTICS_REDIS_URL']) {
    const faults = faultsOf({ [name]: 'http://me:hush@db' });
    assert.equal(faults.length, 1);
    assert.match(faults[0]!, new RegExp(name));
    assert.doesNotMatch(faults[0]!, /hush/);
  }
});

test('tokens: a secret that is long enough, a URL, and demands only with something to check by', () => {
  const secret = 'x'.repeat(32);
  assert.deepEqual(faultsOf({ ANALYTICS_JWT_SECRET: secret, ANALYTICS_JWT_AUDIENCE: 'sluice' }), []);
  const short = faultsOf({ ANALYTICS_JWT_SECRET: 'hush' });
  assert.match(short.join(), /ANALYTICS_JWT_SECRET .*32 bytes/);
  assert.doesNotMatch(short.join(), /hush/);
  assert.match(
    faultsOf({ ANALYTICS_JWT_JWKS_URL: 'ftp://id.example/keys' }).join(),
    /ANALYTICS_JWT_JWKS_URL/,
  );
  assert.match(faultsOf({ ANALYTICS_JWT_AUDIENCE: 'sluice' }).join(), /ANALYTICS_JWT_AUDIENCE/);
  assert.deepEqual(
    [isGuarded(readConfig({})), isGuarded(readConfig({ ANALYTICS_JWT_SECRET: secret }))],
    [false, true],
  );
});

test('lists and choices', () => {
  assert.deepEqual([...readConfig({ ANALYTICS_ROLES: ' ingest, live ,' }).roleSet], ['ingest', 'live']);
  assert.match(faultsOf({ ANALYTICS_ROLES: 'ingest,cook' })[0]!, /ANALYTICS_ROLES has 'cook'/);
  assert.match(faultsOf({ ANALYTICS_ROLES: ' , ' })[0]!, /ANALYTICS_ROLES is empty/);
  assert.deepEqual(
    readConfig({ ANALYTICS_CORS_ORIGINS: 'https://a.example,https://b.example' }).corsOrigins,
    ['https://a.example', 'https://b.example'],
  );
  assert.match(faultsOf({ LOG_LEVEL: 'loud' })[0]!, /LOG_LEVEL is 'loud'; it takes fatal, /);
});

test('Kafka: by any name, with what goes together', () => {
  for (const key of ['ANALYTICS_KAFKA_BROKERS', 'KAFKA_BROKERS', 'KAFKA_BOOTSTRAP_SERVERS'])
    assert.deepEqual(readConfig({ [key]: 'a:9092, b.example,[::1]:9' }).kafkaBrokers, [
      'a:9092',
      'b.example',
      '[::1]:9',
    ]);
  for (const broker of ['kafka://a:9092', 'a:port', 'a b', 'a:1:2'])
    assert.match(faultsOf({ ANALYTICS_KAFKA_BROKERS: broker })[0]!, /it takes host:port/, broker);
  assert.match(faultsOf({ ANALYTICS_KAFKA_SASL_USERNAME: 'ann' })[0]!, /go together/);
  assert.match(faultsOf({ ANALYTICS_KAFKA_SASL_MECHANISM: 'GSSAPI' })[0]!, /it takes PLAIN, /);
  assert.match(faultsOf({ ANALYTICS_KAFKA_TLS_CA_FILE: 'ca.pem' })[0]!, /ANALYTICS_KAFKA_TLS is not 1/);
  const cert = { ANALYTICS_KAFKA_TLS: '1', ANALYTICS_KAFKA_TLS_CERT_FILE: 'a.pem' };
  assert.match(faultsOf(cert)[0]!, /go together/);
  assert.equal(faultsOf({ ...cert, ANALYTICS_KAFKA_TLS_KEY_FILE: 'b.pem' }).length, 0);
});

test('what does not go together', () => {
  assert.match(faultsOf({ ANALYTICS_TLS_CERT_FILE: 'a.pem' })[0]!, /go together/);
  assert.equal(faultsOf({ ANALYTICS_TLS_CERT_FILE: 'a.pem', ANALYTICS_TLS_KEY_FILE: 'b.pem' }).length, 0);
  assert.match(faultsOf({ ANALYTICS_TIMESTAMP_AGE_MAX_DAYS: '91' })[0]!, /vanish at once/);
  assert.equal(
    faultsOf({ ANALYTICS_TIMESTAMP_AGE_MAX_DAYS: '91', ANALYTICS_RETENTION_EVENTS_DAYS: '91' }).length,
    0,
  );
  for (const name of ['my-db', 'a b', 'a;DROP', '1st', '`']) {
    assert.equal(faultsOf({ ANALYTICS_CH_DATABASE: name }).length, 1, name);
  }
});

test('all faults at once, each with the name that was set', () => {
  const faults = faultsOf({
    PORT: '-1',
    FLUSH_INTERVAL: 'soon',
    LOG_LEVEL: 'loud',
    ANALYTICS_CH_DATABASE: 'a b',
  });
  assert.equal(faults.length, 4);
  for (const key of ['PORT', 'FLUSH_INTERVAL', 'LOG_LEVEL', 'ANALYTICS_CH_DATABASE'])
    assert.ok(
      faults.some((fault) => fault.startsWith(`${key} is`)),
      key,
    );
  const error = new ConfigError(faults);
  for (const fault of faults) assert.ok(error.message.includes(fault));
  assert.match(error.message, /has 4 faults/);
});

test('loopback', () => {
  for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '::1']) assert.ok(isLoopback(host), host);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'example.com']) assert.ok(!isLoopback(host), host);
});

test('the table for people has every name once', () => {
  const table = settingsMarkdown();
  for (const [, setting] of all) for (const key of setting.env) assert.ok(table.includes(`\`${key}\``), key);
  assert.equal(table.split('\n').length, all.length + 2);
  const lines = table.split('\n').filter((line) => !line.startsWith('|-'));
  for (const line of lines) assert.equal(line.split(' | ').length, 5, line);
});

test('topics that the pipeline reads', () => {
  const topics = readConfig({ ANALYTICS_KAFKA_TOPICS: 'analytics.v1, octane.events=native:octane' }).sources;
  assert.deepEqual(topics[1], { topic: 'octane.events', dialect: 'native', app: 'octane' });
  assert.deepEqual(readConfig({ KAFKA_TOPIC: 'octane.events' }).sources[0]!.topic, 'octane.events');
  assert.match(faultsOf({ ANALYTICS_KAFKA_TOPICS: 'analytics.v1,x=avro' })[0]!, /'avro' is none of native/);
  const foreignOnly = { ANALYTICS_KAFKA_TOPICS: 'octane.events' };
  assert.match(faultsOf(foreignOnly)[0]!, /lacks analytics\.v1/);
  assert.deepEqual(faultsOf({ ...foreignOnly, ANALYTICS_ROLES: 'pipeline' }), []);
});
