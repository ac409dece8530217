import type { Role } from './settings/process.ts';
import type { Setting } from './settings/setting.ts';
import { type Settings, settings } from './settings.ts';

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

/** Seeds 001 to 003 give ClickHouse as host and port. */
function aliases(env: Environment, values: Record<string, unknown>, faults: string[]): Partial<Config> {
  const host = env.CLICKHOUSE_HOST;
  if (values.chUrl !== '' || !host) return {};
  const url = /^https?:\/\//.test(host) ? host : `http://${host}:${env.CLICKHOUSE_PORT || 8123}`;
  if (!URL.canParse(url)) faults.push(`CLICKHOUSE_HOST and CLICKHOUSE_PORT make '${url}', which is no URL.`);
  return { chUrl: url };
}

function checkTogether(config: Config, faults: string[]): void {
  checkKafka(config, faults);
  checkClickHouse(config, faults);
  if (!/^[A-Za-z_]\w*$/.test(config.chDatabase))
    faults.push(`ANALYTICS_CH_DATABASE is '${config.chDatabase}'; it takes a plain name.`);
  if ((config.tlsCertFile === '') !== (config.tlsKeyFile === ''))
    faults.push('ANALYTICS_TLS_CERT_FILE and ANALYTICS_TLS_KEY_FILE go together.');
  if (config.roles.length === 0) faults.push('ANALYTICS_ROLES is empty; leave it out for all roles.');
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
