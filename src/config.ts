import { SECRET_BYTES_MIN } from './access/token-keys.ts';
import { readTopicSources, type TopicSource } from './pipeline/sources.ts';
import type { Role } from './settings/process.ts';
import type { Setting } from './settings/setting.ts';
import { type Settings, settings } from './settings.ts';
import { readSecrets } from './webhook/signature.ts';

/** Reads the environment, once, and reports all faults together. Nothing else reads process.env. */

type Value<S extends Setting> = S extends { kind: 'number' }
  ? number
  : S extends { kind: 'flag' }
    ? boolean
    : S extends { kind: 'list' }
      ? readonly string[]
      : string;

export type Config = { readonly [Name in keyof Settings]: Value<Settings[Name]> } & {
  readonly roleSet: ReadonlySet<Role>;
  /** ClickHouse by URL, one a shard; [] for the embedded one. */
  readonly chUrls: readonly string[];
  /** What the pipeline reads. */
  readonly sources: readonly TopicSource[];
};

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(
      `The configuration has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${faults.map((f) => `  - ${f}`).join('\n')}`,
    );
    this.faults = faults;
  }
}

export type Environment = Readonly<Record<string, string | undefined>>;

export function readConfig(env: Environment): Config {
  const faults: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries<Setting>(settings)) {
    const found = setting.env.find((key) => (env[key] ?? '') !== '');
    values[name] = found === undefined ? setting.default : readValue(setting, found, env[found]!, faults);
  }
  const known = { ...values, ...aliases(env, values, faults) } as Config;
  const config: Config = {
    ...known,
    roleSet: new Set(known.roles as Role[]),
    chUrls: splitList(known.chUrl),
    sources: readSources(values, faults),
  };
  checkTogether(config, faults);
  if (faults.length > 0) throw new ConfigError(faults);
  return config;
}

function readValue(setting: Setting, key: string, value: string, faults: string[]): unknown {
  switch (setting.kind) {
    case 'number': {
      const factor = setting.scaled?.[key];
      const scaled = factor === undefined ? Number(value) : Math.round(Number(value) * factor);
      if (value.trim() === '' || !Number.isFinite(scaled))
        faults.push(`${key} is '${value}'; it takes a number (${setting.unit}).`);
      else if (!Number.isInteger(scaled))
        faults.push(`${key} is ${value}; it takes a whole number of ${setting.unit}.`);
      else if (scaled < setting.min || scaled > setting.max)
        faults.push(`${key} is ${value}; it takes ${setting.min} to ${setting.max} ${setting.unit}.`);
      return scaled;
    }
    case 'flag':
      if (!['0', '1', 'true', 'false'].includes(value)) faults.push(`${key} is '${value}'; it takes 0 or 1.`);
      return value === '1' || value === 'true';
    case 'choice':
      if (!setting.choices.includes(value))
        faults.push(`${key} is '${value}'; it takes ${setting.choices.filter(Boolean).join(', ')}.`);
      return value;
    case 'list': {
      const items = splitList(value);
      const wrong = items.filter((item) => setting.choices && !setting.choices.includes(item));
      if (wrong.length > 0)
        faults.push(`${key} has '${wrong.join("', '")}'; it takes ${setting.choices!.join(', ')}.`);
      return items;
    }
    case 'text':
      return value;
  }
}

function splitList(value: string): string[] {
  return value
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean);
}

function aliases(env: Environment, values: Record<string, unknown>, faults: string[]): Partial<Config> {
  return { ...chAlias(env, values, faults), ...redisAlias(env, values, faults) };
}

/** Seed 003 gives Valkey as host and number of the database, which is 4 there. */
function redisAlias(env: Environment, values: Record<string, unknown>, faults: string[]): Partial<Config> {
  const { VALKEY_HOST: host, VALKEY_PORT, VALKEY_DB, VALKEY_USERNAME = '', VALKEY_PASSWORD = '' } = env;
  if (values.redisUrl !== '' || !host) return {};
  const user = [VALKEY_USERNAME, VALKEY_PASSWORD].map(encodeURIComponent).join(':');
  const url = `redis://${user === ':' ? '' : `${user}@`}${host}:${VALKEY_PORT || 6379}/${VALKEY_DB || 4}`;
  if (!URL.canParse(url) || !/^\d+$/.test(VALKEY_DB || '4'))
    faults.push(
      'VALKEY_HOST, VALKEY_PORT and VALKEY_DB make no URL: a name, a port and a number are wanted.',
    );
  return { redisUrl: url };
}

/** Seeds 001 to 003 give ClickHouse as host and port. */
function chAlias(env: Environment, values: Record<string, unknown>, faults: string[]): Partial<Config> {
  const host = env.CLICKHOUSE_HOST;
  if (values.chUrl !== '' || !host) return {};
  const url = /^https?:\/\//.test(host) ? host : `http://${host}:${env.CLICKHOUSE_PORT || 8123}`;
  if (!URL.canParse(url)) faults.push(`CLICKHOUSE_HOST and CLICKHOUSE_PORT make '${url}', which is no URL.`);
  return { chUrl: url };
}

function readSources(values: Record<string, unknown>, faults: string[]): readonly TopicSource[] {
  const read = readTopicSources(values.topics as readonly string[], values.topic as string);
  const name =
    (values.topics as readonly string[]).length > 0 ? 'ANALYTICS_KAFKA_TOPICS' : 'ANALYTICS_KAFKA_TOPIC';
  faults.push(...read.faults.map((fault) => `${name}: ${fault}`));
  return read.sources;
}

function checkTogether(config: Config, faults: string[]): void {
  checkKafka(config, faults);
  checkClickHouse(config, faults);
  checkWebhooks(config, faults);
  checkTokens(config, faults);
  // Their values hold passwords, so they are not repeated.
  if (config.pgUrl !== '' && !isUrlOf(config.pgUrl, ['postgres:', 'postgresql:']))
    faults.push('ANALYTICS_PG_URL is no URL of the form postgres://user:password@host:port/database.');
  if (config.redisUrl !== '' && !isUrlOf(config.redisUrl, ['redis:', 'rediss:', 'valkey:', 'valkeys:']))
    faults.push('ANALYTICS_REDIS_URL is no URL of the form redis://user:password@host:port/db.');
  if (!/^[A-Za-z_]\w*$/.test(config.chDatabase))
    faults.push(`ANALYTICS_CH_DATABASE is '${config.chDatabase}'; it takes a plain name.`);
  if ((config.tlsCertFile === '') !== (config.tlsKeyFile === ''))
    faults.push('ANALYTICS_TLS_CERT_FILE and ANALYTICS_TLS_KEY_FILE go together.');
  const both = config.roleSet.has('ingest') && config.roleSet.has('pipeline');
  if (both && !config.sources.some(({ topic }) => topic === config.topic))
    faults.push(
      `ANALYTICS_KAFKA_TOPICS lacks ${config.topic}, which this process writes to: what comes in over HTTP would never be stored.`,
    );
  if (config.roles.length === 0) faults.push('ANALYTICS_ROLES is empty; leave it out for all roles.');
  checkTraces(config, faults);
  // A look-up of ids, sessions and views goes back as far as raw rows do.
  if (config.timestampAgeMaxDays > config.retentionEventsDays)
    faults.push(
      `ANALYTICS_TIMESTAMP_AGE_MAX_DAYS (${config.timestampAgeMaxDays}) is above ANALYTICS_RETENTION_EVENTS_DAYS (${config.retentionEventsDays}): events would vanish at once.`,
    );
}

function checkClickHouse(config: Config, faults: string[]): void {
  const { chUrls, chUrl, chCluster, chReplicated } = config;
  const wrong =
    chUrl === '' ? [] : chUrls.length === 0 ? [chUrl] : chUrls.filter((url) => !URL.canParse(url));
  for (const url of wrong) faults.push(`ANALYTICS_CH_URL is '${url}', which is no URL.`);
  if (new Set(chUrls).size < chUrls.length)
    faults.push('ANALYTICS_CH_URL names a server twice; it takes one URL for each shard.');
  if (chUrls.length > 1 && chCluster === '')
    faults.push(
      `ANALYTICS_CH_URL names ${chUrls.length} shards, and ANALYTICS_CH_CLUSTER no cluster: questions are asked through the cluster that the servers know them by.`,
    );
  if (chCluster !== '' && !/^[A-Za-z_][\w-]*$/.test(chCluster))
    faults.push(`ANALYTICS_CH_CLUSTER is '${chCluster}'; it takes a plain name.`);
  if (chCluster !== '' && chUrls.length === 0)
    faults.push(
      'ANALYTICS_CH_CLUSTER is set without ANALYTICS_CH_URL: the embedded ClickHouse is one server.',
    );
  if (config.kafkaBrokers.length === 0 && config.logPartitions < chUrls.length)
    faults.push(
      `ANALYTICS_LOG_PARTITIONS is ${config.logPartitions} for ${chUrls.length} shards of ClickHouse: some would stay empty. It takes at least as many.`,
    );
  if (chReplicated && chCluster === '')
    faults.push('ANALYTICS_CH_REPLICATED needs ANALYTICS_CH_CLUSTER: replicas are found by it.');
}

/** Faults of the OTEL_* names, which are often set for other services too, count only where traces are asked for. */
function checkTraces(config: Config, faults: string[]): void {
  if (!wantsTraces(config)) return;
  for (const url of [config.otelEndpoint, config.otelTracesEndpoint])
    if (url !== '' && !URL.canParse(url))
      faults.push(`The OTEL_EXPORTER_OTLP endpoint is '${url}', which is no URL.`);
  if (config.otelProtocol !== 'http/protobuf')
    faults.push(
      `OTEL_EXPORTER_OTLP_PROTOCOL is ${config.otelProtocol}; traces are sent as http/protobuf (port 4318 of a collector).`,
    );
  const share = Number(config.otelSamplerArg);
  if (!(share >= 0 && share <= 1))
    faults.push(`OTEL_TRACES_SAMPLER_ARG is '${config.otelSamplerArg}'; it takes 0 to 1.`);
}

/** Whether the settings ask for traces. */
export function wantsTraces(config: Config): boolean {
  const { otelDisabled, otelTracesExporter, otelEndpoint, otelTracesEndpoint } = config;
  if (otelDisabled || otelTracesExporter === 'none') return false;
  return otelTracesExporter === 'otlp' || otelEndpoint !== '' || otelTracesEndpoint !== '';
}

function checkWebhooks(config: Config, faults: string[]): void {
  const lists = [
    ['ANALYTICS_WEBHOOK_URLS', config.webhookUrls],
    ['ANALYTICS_ALERT_WEBHOOK_URLS', config.alertWebhookUrls],
  ] as const;
  for (const [name, urls] of lists) {
    for (const url of urls)
      if (!isUrlOf(url, ['http:', 'https:']))
        faults.push(`${name} has '${url}'; it takes http and https URLs.`);
    if (new Set(urls).size < urls.length) faults.push(`${name} names a receiver twice.`);
    if (urls.length > 0 && !signsWebhooks(config))
      faults.push(`${name} is set without ANALYTICS_WEBHOOK_SECRET: receivers could not tell who calls.`);
  }
}

/** Whether there is a secret to sign what webhooks get. */
export function signsWebhooks({ webhookSecret }: Config): boolean {
  return readSecrets(webhookSecret).some(({ length }) => length > 0);
}

function checkTokens(config: Config, faults: string[]): void {
  const { jwtSecret, jwtJwksUrl, jwtAudience, jwtIssuer } = config;
  if (jwtSecret !== '' && Buffer.byteLength(jwtSecret) < SECRET_BYTES_MIN)
    faults.push(`ANALYTICS_JWT_SECRET is too short to be safe; it takes at least ${SECRET_BYTES_MIN} bytes.`);
  if (jwtJwksUrl !== '' && !isUrlOf(jwtJwksUrl, ['https:', 'http:']))
    faults.push('ANALYTICS_JWT_JWKS_URL is no URL; it takes http or https.');
  if ((jwtAudience !== '' || jwtIssuer !== '') && !takesTokens(config))
    faults.push(
      'ANALYTICS_JWT_AUDIENCE or _ISSUER is set, and nothing that tokens are checked with: ANALYTICS_JWT_SECRET, _PUBLIC_KEY_FILE or _JWKS_URL.',
    );
}

/** Whether the settings say how tokens are checked. */
export function takesTokens({ jwtSecret, jwtPublicKeyFile, jwtJwksUrl }: Config): boolean {
  return jwtSecret !== '' || jwtPublicKeyFile !== '' || jwtJwksUrl !== '';
}

/** Whether a setting guards what is asked and administered. Without one it is open on loopback. */
export function isGuarded(config: Config): boolean {
  return config.adminKey !== '' || takesTokens(config);
}

function checkKafka(config: Config, faults: string[]): void {
  const wrong = config.kafkaBrokers.filter(
    (broker) => !/^(\[[\da-fA-F:]+\]|[\w.-]+)(:\d{1,5})?$/.test(broker),
  );
  if (wrong.length > 0)
    faults.push(
      `ANALYTICS_KAFKA_BROKERS has '${wrong.join("', '")}'; it takes host:port, with commas between.`,
    );
  if ((config.kafkaSaslUsername === '') !== (config.kafkaSaslPassword === ''))
    faults.push('ANALYTICS_KAFKA_SASL_USERNAME and ANALYTICS_KAFKA_SASL_PASSWORD go together.');
  if ((config.kafkaTlsCertFile === '') !== (config.kafkaTlsKeyFile === ''))
    faults.push('ANALYTICS_KAFKA_TLS_CERT_FILE and ANALYTICS_KAFKA_TLS_KEY_FILE go together.');
  if (!config.kafkaTls && (config.kafkaTlsCaFile !== '' || config.kafkaTlsCertFile !== ''))
    faults.push('There are files for TLS with the brokers, but ANALYTICS_KAFKA_TLS is not 1.');
}

function isUrlOf(url: string, protocols: readonly string[]): boolean {
  return URL.canParse(url) && protocols.includes(new URL(url).protocol);
}

/** Whether only this machine can connect. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

/** The table of docs/configuration.md. */
export function settingsMarkdown(): string {
  const rows = Object.values<Setting>(settings).map((setting) => {
    const names = setting.env.map((name) => `\`${name}\``).join('<br>');
    const fallback = Array.isArray(setting.default) ? setting.default.join(',') : String(setting.default);
    const bounds =
      setting.kind === 'number'
        ? `${setting.min} to ${setting.max}`
        : 'choices' in setting
          ? setting.choices!.filter(Boolean).join(', ')
          : '';
    const unit = setting.kind === 'number' ? setting.unit : '';
    return `| ${names} | ${unit} | ${fallback === '' ? '' : `\`${fallback}\``} | ${bounds} | ${setting.doc} |`;
  });
  return ['| Name | Unit | Default | Takes | What it is for |', '|---|---|---|---|---|', ...rows].join('\n');
}
