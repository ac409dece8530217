/** The whole service within a test's own process: free ports, a folder of its own, and quick about everything. */
import { readConfig } from '../../src/config.ts';
import { type Service, startService } from '../../src/service.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { makeTestFolder } from './clickhouse.ts';

export interface TestService extends Service {
  /** The answer's JSON; throws on another status than 200. */
  get<T>(path: string): Promise<T>;
  /** Status and JSON of a POST of JSON. */
  post<T>(
    path: string,
    body: unknown,
    headers?: Record<string, string>,
  ): Promise<{ status: number; body: T }>;
}

/** @param env settings over those of the test */
export async function startTestService(env: Record<string, string> = {}): Promise<TestService> {
  const config = readConfig({
    PORT: '0',
    ANALYTICS_METRICS_PORT: '0',
    ANALYTICS_DATA_DIR: makeTestFolder(),
    ANALYTICS_CONSUMER_FLUSH_MS: '50',
    ANALYTICS_INSERT_LEASE_MS: '2000',
    ANALYTICS_RECOMPUTE_EVERY_MS: '200',
    // What a test stored it sees.
    ANALYTICS_ANSWER_FRESH_MS: '0',
    ...env,
  });
  const service = await startService(config, createLogger({ level: 'silent' }));
  return {
    ...service,
    async get<T>(path: string) {
      const answer = await fetch(service.url + path);
      if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
      return (await answer.json()) as T;
    },
    async post<T>(path: string, body: unknown, headers: Record<string, string> = {}) {
      const answer = await fetch(service.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      });
      return { status: answer.status, body: (await answer.json()) as T };
    },
  };
}
