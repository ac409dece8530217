import { Redis } from 'iovalkey';
import type { Cache, CacheOperation, CacheOptions } from './cache.ts';

export interface RedisOptions {
  /** `redis://user:password@host:port/db`; `rediss://` for TLS, `valkey://` and `valkeys://` mean the same. */
  readonly url: string;
  /** The longest that a question waits for the cache. */
  readonly timeoutMs: number;
  /** How long it is left alone after it failed. */
  readonly pauseMs: number;
}

const CONNECT_TIMEOUT_MS = 2_000;
const RECONNECT_MS_MAX = 5_000;
/** Commands that wait for an answer; with more the cache is slower than what it saves. */
const IN_FLIGHT_MAX = 1_000;
const VALUE_BYTES_MAX = 8 * 2 ** 20;

/**
 * Valkey or Redis. An operation that fails, or is not answered in time, opens the circuit: for a pause the cache is not
 * asked at all, so that a dead server costs the questions of a second one timeout and not each of them one.
 */
export function openRedisCache(
  options: RedisOptions,
  observe: CacheOptions['observe'],
  log: CacheOptions['log'],
): Cache {
  const place = placeOf(options.url);
  const client = new Redis(redisUrl(options.url), {
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: options.timeoutMs,
    // A command is answered now or not at all: nothing waits for a connection, nothing is sent twice.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: (attempt) => Math.min(RECONNECT_MS_MAX, 100 * 2 ** attempt),
    connectionName: 'sluice',
  });
  const circuit = createCircuit(options.pauseMs, (reason) => {
    const advice = 'questions are answered without the cache';
    log.warn({ reason }, `${place} does not answer: ${advice}`);
  });
  client.on('error', (error: Error) => circuit.fail(error.message || 'no connection'));
  client.on('ready', () => circuit.close());
  let inFlight = 0;

  async function attempt<T>(
    operation: CacheOperation,
    work: () => Promise<T>,
    outcome: (answer: T) => 'hit' | 'miss' | 'done',
  ): Promise<T | null> {
    if (circuit.isOpen() || client.status !== 'ready' || inFlight >= IN_FLIGHT_MAX) {
      observe(operation, 'skipped');
      return null;
    }
    inFlight++;
    try {
      const answer = await work();
      circuit.close();
      observe(operation, outcome(answer));
      return answer;
    } catch (error) {
      circuit.fail((error as Error).message);
      observe(operation, 'failed');
      return null;
    } finally {
      inFlight--;
    }
  }

  return {
    kind: 'redis',
    get: (key) =>
      attempt(
        'get',
        () => client.getBuffer(key),
        (value) => (value === null ? 'miss' : 'hit'),
      ),
    async set(key, value, ttlMs) {
      if (value.byteLength > VALUE_BYTES_MAX) return observe('set', 'skipped');
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      await attempt(
        'set',
        () => client.set(key, bytes, 'PX', Math.max(1, Math.floor(ttlMs))),
        () => 'done',
      );
    },
    async delete(key) {
      await attempt(
        'delete',
        () => client.del(key),
        () => 'done',
      );
    },
    state() {
      if (client.status === 'ready' && !circuit.isOpen()) return { ok: true, reason: null };
      return { ok: false, reason: `${place} does not answer: ${circuit.reason() ?? client.status}.` };
    },
    async close() {
      client.disconnect();
    },
  };
}

interface Circuit {
  isOpen(): boolean;
  reason(): string | null;
  fail(reason: string): void;
  close(): void;
}

function createCircuit(pauseMs: number, onOpen: (reason: string) => void): Circuit {
  let openUntil = Number.NEGATIVE_INFINITY;
  let reason: string | null = null;
  return {
    isOpen: () => performance.now() < openUntil,
    reason: () => reason,
    fail(why) {
      // Said once an outage, not once a question.
      if (reason === null) onOpen(why);
      reason = why;
      openUntil = performance.now() + pauseMs;
    },
    close() {
      openUntil = Number.NEGATIVE_INFINITY;
      reason = null;
    },
  };
}

/** The same server under the names that the client knows. */
function redisUrl(url: string): string {
  return url.replace(/^valkey(s?):/, 'redis$1:');
}

/** Without user and password. */
function placeOf(url: string): string {
  const { hostname, port } = new URL(url);
  return `The cache at ${hostname}:${port || 6379}`;
}
