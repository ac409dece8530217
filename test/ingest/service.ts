/** An ingest service for tests: real HTTP on a free port, the real scanner, a real local log in a folder of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type AccessOptions, createAccess } from '../../src/access/access.ts';
import { readAddressList } from '../../src/access/addresses.ts';
import { openReferenceKernel } from '../../src/event/kernel/reference.ts';
import { createCors } from '../../src/http/cors.ts';
import { type HttpServer, openHttpServer } from '../../src/http/server.ts';
import { nowhere } from '../../src/ingest/geo.ts';
import { createIngest, defaultIngestLimits, type IngestOptions } from '../../src/ingest/ingest.ts';
import { type LocalLogOptions, openLocalLog } from '../../src/log/local/local.ts';
import type { Log, LogRecord, NewRecord, Topic } from '../../src/log/log.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts';

export interface IngestService {
  readonly http: HttpServer;
  readonly url: string;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Everything in the log, partition after partition. */
  records(topic?: string): Promise<LogRecord[]>;
  /** The events of all records, parsed. */
  events(): Promise<Record<string, unknown>[]>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: ReplyBody;
}

/** All that an answer of ingest can hold; which of it is there is what the tests ask. */
export interface ReplyBody {
  readonly accepted: number;
  readonly rejected: number;
  readonly results: readonly { index: number; code: string; reason: string; event_id?: string }[];
  readonly event_id: string;
  readonly code: string;
  readonly status: number;
  readonly type: string;
  readonly title: string;
  readonly detail: string;
  readonly request_id: string;
}

export interface ServiceOptions extends Omit<Partial<IngestOptions>, 'limits' | 'access'> {
  readonly limits?: Partial<IngestOptions['limits']>;
  readonly access?: Partial<AccessOptions>;
  readonly origins?: readonly string[] | null;
  readonly partitions?: number;
  readonly http?: Parameters<typeof openHttpServer>[0]['limits'];
  readonly log?: Partial<LocalLogOptions>;
  /** Stands between ingest and the log. */
  readonly wrapTopic?: (topic: Topic) => Topic;
}

const anywhere = readAddressList('');

export async function openIngestService(
  test: TestContext,
  options: ServiceOptions = {},
): Promise<IngestService> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-ingest-'));
  const partitions = options.partitions ?? 4;
  const topics = [
    { name: 'analytics.v1', partitions },
    { name: 'analytics.dlq.v1', partitions: 1 },
  ];
  const log = await openLocalLog({ dir, topics, ...options.log });
  const metrics = createMetrics({ processDefaults: false });
  const cors = createCors({ origins: options.origins ?? null, maxAgeSeconds: 600 });
  const logger = createLogger({ level: 'silent' });
  const http = await openHttpServer({ host: '127.0.0.1', port: 0, logger, cors, limits: options.http });
  const wrap = options.wrapTopic ?? ((topic: Topic) => topic);
  const ingest = createIngest({
    kernel: openReferenceKernel(),
    topic: wrap(log.topic('analytics.v1')),
    deadLetters: wrap(log.topic('analytics.dlq.v1')),
    metrics,
    cors,
    logger,
    now: Date.now,
    rateLimiter: null,
    ready: () => true,
    pressure: () => null,
    ...options,
    geo: nowhere,
    limits: { ...defaultIngestLimits, ...options.limits },
    access: createAccess({ ...openAccess, ...options.access }),
  });
  http.addHot(ingest.routes);
  await http.serve();
  test.after(async () => {
    await http.close(1000);
    await log.close();
    await rm(dir, { recursive: true, force: true });
  });
  const records = (topic = 'analytics.v1') => readAll(log.topic(topic));
  return {
    http,
    url: http.url,
    log,
    metrics,
    records,
    events: async () => (await records()).flatMap(readEvents),
    post: (path, body, headers) => send(http.url + path, 'POST', body, headers),
  };
}

export const openAccess: AccessOptions = {
  ingestKeys: [],
  adminKeys: [],
  openWithoutAdminKey: true,
  guardedByVerifiers: false,
  verifiers: [],
  defaultApp: 'default',
  ingestAddresses: anywhere,
  adminAddresses: anywhere,
  trustedProxies: anywhere,
};

export async function send(
  url: string,
  method: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const raw = typeof body === 'string' || body instanceof Uint8Array || body === undefined;
  const bytes = raw ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body);
  const response = await fetch(url, {
    method,
    body: bytes,
    headers: { 'content-type': 'text/plain', ...headers },
  });
  const text = await response.text();
  const json = text !== '' && response.headers.get('content-type')?.includes('json');
  return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text };
}

let readers = 0;

/** Reads each partition to its end, as a group that nobody knew before. */
async function readAll(topic: Topic): Promise<LogRecord[]> {
  const found: LogRecord[] = [];
  const done = Array.from({ length: topic.partitions }, () => Promise.withResolvers<void>());
  const membership = await topic.join(`reader-${++readers}`, async (assignment) => {
    const end = assignment.endOffset();
    for (let next = 0; next < end; ) {
      const batch = await assignment.read(1_000_000, 1000);
      found.push(...batch);
      next = batch.length === 0 ? next : batch.at(-1)!.offset + 1;
    }
    done[assignment.partition]!.resolve();
  });
  await Promise.all(done.map(({ promise }) => promise));
  await membership.stop();
  return found;
}

export function readEvents(record: LogRecord | NewRecord): Record<string, unknown>[] {
  return Buffer.from(record.value)
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

export function headersOf(record: LogRecord | NewRecord): Record<string, string> {
  return Object.fromEntries(record.headers);
}

export const good = (fields: Record<string, unknown> = {}) => ({
  event_name: 'video_start',
  user_id: 'u',
  ...fields,
});
