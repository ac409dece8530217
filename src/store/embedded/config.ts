/** The engine's configuration as ClickHouse XML. Pure: the launcher writes what these functions return. */
import { createHash } from 'node:crypto';
import type { AdhocLimits } from '../adhoc-limits.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface EngineConfig {
  readonly runDir: string;
  readonly logDir: string;
  readonly database: string;
  readonly memoryBytesMax: number;
  readonly httpPort: number;
  readonly tcpPort: number | null;
  readonly app: Credentials;
  readonly adhoc: Credentials;
  readonly adhocLimits: AdhocLimits;
  readonly adhocGrants: readonly string[];
  /** By table of the database: which of its rows the ad-hoc user sees. No setting of a query reaches past it. */
  readonly adhocFilters: Readonly<Record<string, string>>;
  readonly mergeThreads: number;
  readonly queriesMax: number;
  readonly connectionsMax: number;
  /** Further XML inside `<clickhouse>`, such as `<remote_servers>`; taken as it is. */
  readonly serverXml: string;
}

interface Tags {
  readonly [name: string]: string | number | Tags;
}

const MiB = 2 ** 20;
const GiB = 2 ** 30;

export function renderServerConfig(config: EngineConfig): string {
  const settings: Tags = {
    logger: {
      log: `${config.logDir}/clickhouse.log`,
      errorlog: `${config.logDir}/clickhouse.err.log`,
      size: '20M',
      count: 3,
      console: 0,
    },
    users_config: `${config.runDir}/users.xml`,
    // Exactly one, since otherwise port 0 would be a different port on each.
    listen_host: '127.0.0.1',
    http_port: config.httpPort,
    ...(config.tcpPort === null ? {} : { tcp_port: config.tcpPort }),
    max_server_memory_usage: config.memoryBytesMax,
    mark_cache_size: Math.min(64 * MiB, Math.floor(config.memoryBytesMax / 16)),
    uncompressed_cache_size: 0,
    index_mark_cache_size: 0,
    index_uncompressed_cache_size: 0,
    primary_index_cache_size: 32 * MiB,
    compiled_expression_cache_size: 16 * MiB,
    mmap_cache_size: 100,
    max_thread_pool_size: 500,
    max_connections: config.connectionsMax,
    max_concurrent_queries: config.queriesMax,
    keep_alive_timeout: 4,
    ...backgroundPools(config.mergeThreads),
    merge_tree: {
      max_bytes_to_merge_at_max_space_in_pool: 10 * GiB,
      // Counting the distinct values of every column anew at each merge costs a fifth of the merge, and no question needs it.
      auto_statistics_types: '',
      // Old parts hold what was removed: whoever was erased is not to wait for minutes until that goes from the disk.
      cleanup_delay_period: 5,
      max_cleanup_delay_period: 10,
      cleanup_delay_period_random_add: 1,
    },
  };
  const handlers = renderHttpHandlers([config.app, config.adhoc]);
  return `<clickhouse>${renderTags(settings)}${handlers}${config.serverXml}</clickhouse>\n`;
}

/** One machine, one disk: as few threads as do the work, since each idle one costs memory and wake-ups. */
function backgroundPools(mergeThreads: number): Tags {
  return {
    background_pool_size: mergeThreads,
    background_merges_mutations_concurrency_ratio: 2,
    background_move_pool_size: 1,
    background_fetches_pool_size: 1,
    background_common_pool_size: 2,
    background_schedule_pool_size: 8,
    background_message_broker_schedule_pool_size: 1,
    background_distributed_schedule_pool_size: 1,
    background_buffer_flush_schedule_pool_size: 1,
  };
}

/**
 * Only requests with the exact Authorization header of a known user are served; all others but /ping find no handler
 * (404). `clickhouse local` needs a user `default` without a password, and this is what keeps it from HTTP. What
 * cannot be kept out is a known user who adds `user=default` to the URL, since handlers do not see parameters; hence
 * that user's grants and limits.
 */
function renderHttpHandlers(users: readonly Credentials[]): string {
  const tokens = users
    .map((user) => Buffer.from(`${user.username}:${user.password}`).toString('base64').replaceAll('+', '\\+'))
    .join('|');
  return `<http_handlers>
  <rule><url>/ping</url><methods>GET,HEAD</methods><handler><type>ping</type></handler></rule>
  <rule>
    <headers><Authorization>regex:Basic (${tokens})</Authorization></headers>
    <handler><type>dynamic_query_handler</type><query_param_name>query</query_param_name></handler>
  </rule>
</http_handlers>`;
}

export function renderUsersConfig(config: EngineConfig): string {
  const limits = adhocSettings(config.adhocLimits);
  const pinned = ['readonly', 'allow_ddl', 'allow_introspection_functions', ...Object.keys(limits)];
  // 2, not 1: under 1 a client could send no setting at all, and @clickhouse/client always sends some.
  const adhoc = renderTags({ readonly: 2, allow_ddl: 0, allow_introspection_functions: 0, ...limits });
  const grants = config.adhocGrants.map((grant) => `<query>${escapeXml(grant)}</query>`).join('');
  return `<clickhouse>
<profiles>
  <default/>
  <boot>${renderTags({ max_memory_usage: 100 * MiB, max_execution_time: 10 })}</boot>
  <app>${renderTags({ max_memory_usage: Math.floor(config.memoryBytesMax * 0.8), async_insert: 0 })}</app>
  <adhoc>${adhoc}<constraints>${pinned.map((name) => `<${name}><readonly/></${name}>`).join('')}</constraints></adhoc>
</profiles>
<quotas><default/></quotas>
<users>
  <!-- The session of clickhouse local itself is hard-wired to this user without a password, so it must exist. It may
       do nothing but open and close the listener, within narrow limits. -->
  <default><password/>${LOOPBACK}<profile>boot</profile><quota>default</quota>
    <grants><query>GRANT SYSTEM LISTEN ON *.*</query></grants></default>
  ${renderUser(config.app, 'app', '')}
  ${renderUser(config.adhoc, 'adhoc', `<grants>${grants}</grants>${renderFilters(config)}`)}
</users>
</clickhouse>
`;
}

const LOOPBACK = '<networks><ip>127.0.0.1</ip></networks>';

function renderUser(user: Credentials, profile: string, grants: string): string {
  const hash = createHash('sha256').update(user.password).digest('hex');
  const settings = `<profile>${profile}</profile><quota>default</quota>`;
  const name = user.username;
  return `<${name}><password_sha256_hex>${hash}</password_sha256_hex>${LOOPBACK}${settings}${grants}</${name}>`;
}

function renderFilters({ database, adhocFilters }: EngineConfig): string {
  const tables = Object.entries(adhocFilters).map(
    ([table, filter]) => `<${table}><filter>${escapeXml(filter)}</filter></${table}>`,
  );
  return tables.length === 0 ? '' : `<databases><${database}>${tables.join('')}</${database}></databases>`;
}

function adhocSettings(limits: AdhocLimits): Tags {
  return {
    max_execution_time: limits.executionSecondsMax,
    timeout_before_checking_execution_speed: 0,
    max_memory_usage: limits.memoryBytesMax,
    max_memory_usage_for_user: limits.memoryBytesMax * 2,
    max_result_rows: limits.resultRowsMax,
    max_result_bytes: limits.resultBytesMax,
    result_overflow_mode: 'throw',
    max_rows_to_read: limits.rowsReadMax,
    max_threads: limits.threadsMax,
    max_concurrent_queries_for_user: limits.queriesMax,
  };
}

function renderTags(tags: Tags): string {
  return Object.entries(tags)
    .map(
      ([name, value]) =>
        `<${name}>${typeof value === 'object' ? renderTags(value) : escapeXml(value)}</${name}>`,
    )
    .join('');
}

function escapeXml(value: string | number): string {
  return String(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
