import { number, type Setting, secret } from './setting.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;

/** Answers that are given more than once. */
export const cacheSettings = {
  redisUrl: secret(
    'ANALYTICS_REDIS_URL',
    'Valkey or Redis, `redis://user:password@host:port/db` (`rediss://` for TLS). Empty: a cache in the process. VALKEY_HOST, VALKEY_PORT, VALKEY_DB (default 4), VALKEY_USERNAME and VALKEY_PASSWORD are read too.',
  ),
  cacheTimeoutMs: number(
    'ANALYTICS_CACHE_TIMEOUT_MS',
    'ms',
    50,
    1,
    10_000,
    'Longest that a question waits for Valkey or Redis.',
  ),
  cachePauseMs: number(
    'ANALYTICS_CACHE_PAUSE_MS',
    'ms',
    2_000,
    1,
    600_000,
    'How long Valkey or Redis is left alone after it failed.',
  ),
  cacheBytes: number(
    'ANALYTICS_CACHE_BYTES',
    'bytes',
    32 * MiB,
    0,
    64 * GiB,
    'Memory of the cache in the process.',
  ),
  answerFreshMs: number(
    'ANALYTICS_ANSWER_FRESH_MS',
    'ms',
    1_000,
    0,
    60_000,
    'How old what an answer says may be, so that equal questions are asked once; one that took long, twenty times that long, up to sixty times this. 0: every question is asked afresh.',
  ),
  answerSettledSeconds: number(
    'ANALYTICS_ANSWER_SETTLED_SECONDS',
    's',
    600,
    1,
    86_400,
    'How long an answer about a time that is over is kept; it is given as long as nothing landed there since.',
  ),
  funnelFreshSeconds: number(
    'ANALYTICS_FUNNEL_FRESH_SECONDS',
    's',
    900,
    0,
    86_400,
    'How long the answer of a funnel is given again, whatever is stored meanwhile. 0: never.',
  ),
  funnelStatsSeconds: number(
    'ANALYTICS_FUNNEL_STATS_SECONDS',
    's',
    900,
    1,
    86_400,
    'How long the table funnel_stats may lag behind the events.',
  ),
  questionsAtOnceMax: number(
    'ANALYTICS_QUESTIONS_AT_ONCE_MAX',
    'statements',
    8,
    1,
    1_000,
    'Statements of questions that this process has in ClickHouse at once; others wait for their turn.',
  ),
} as const satisfies Record<string, Setting>;
