/**
 * A service in memory for the demo's tests: it takes POST /events, keeps every delivery, and answers questions from the
 * oracle, so that demo and answers share no code. It can push back, break connections and tell lies.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { isBot } from '../oracle/history.ts';
import { createOracle, type Delivery, type Metric, type Oracle } from '../oracle/oracle.ts';

export interface FakeService {
  readonly url: string;
  readonly deliveries: Delivery[];
  /** Asked before each batch is taken: what to do with it. `lose` takes it and breaks the connection. */
  trouble: (request: number) => 'none' | 'busy' | 'lose';
  /** Changes an answer's number: (metric, value). */
  lie: (metric: string, value: number) => number;
  requests: number;
  videos: unknown[];
  /** Loses everything it was sent. */
  forget(): void;
  close(): Promise<void>;
}

function readEvents(body: Buffer, headers: IncomingMessage['headers']): unknown[] {
  const text = (headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString();
  if (headers['content-type'] === 'application/x-ndjson') {
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  }
  const parsed = JSON.parse(text);
  return Array.isArray(parsed) ? parsed : parsed.events;
}

/** Whether the oracle would store the event at all, as the verdicts have to say. */
function isGood(event: unknown, receivedAt: number): boolean {
  const lines = Object.values(createOracle([{ event, receivedAt, app: 'none' }]).ledger());
  return lines.every((line) => line.quarantined === 0);
}

function answer(oracle: Oracle, url: URL, lie: FakeService['lie']): unknown {
  const ask = (name: string) => url.searchParams.get(name);
  if (url.pathname === '/v1/ledger') return { totals: { in_flight: 0 } };
  if (url.pathname === '/metrics') {
    const metric = ask('metric') as Metric;
    const series = oracle.metrics({
      metric,
      from: Date.parse(ask('from')!),
      to: Date.parse(ask('to')!),
      interval: (ask('interval') ?? undefined) as '1d' | undefined,
      apps: ask('app_id')!.split(','),
    });
    return { metric, series: series.map((s) => ({ ...s, total: lie(metric, s.total) })) };
  }
  if (url.pathname.startsWith('/api/metrics/video/')) {
    const video = decodeURIComponent(url.pathname.split('/').at(-1)!);
    return oracle.videoMetrics(video, ask('startDate')!, ask('endDate')!, 'UTC', ask('app_id')!.split(','));
  }
  return { status: 'ok' };
}

export async function startFakeService(): Promise<FakeService> {
  let oracle: Oracle | null = null;

  function takeBatch(body: Buffer, request: IncomingMessage, response: ServerResponse): void {
    const what = fake.trouble(fake.requests++);
    if (what === 'busy') {
      response.writeHead(503, { 'retry-after': '0.01' }).end();
      return;
    }
    const receivedAt = Date.now();
    const results: object[] = [];
    let accepted = 0;
    for (const [index, event] of readEvents(body, request.headers).entries()) {
      if (isGood(event, receivedAt)) {
        accepted++;
        fake.deliveries.push({ event, receivedAt, app: 'none' });
      } else results.push({ index, code: 'invalid', reason: 'not good' });
    }
    oracle = null;
    if (what === 'lose') {
      response.destroy();
      return;
    }
    response
      .writeHead(accepted > 0 ? 202 : 400)
      .end(JSON.stringify({ accepted, rejected: results.length, results }));
  }

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      if (request.method === 'POST') return takeBatch(body, request, response);
      if (request.method === 'PUT') {
        fake.videos = JSON.parse(body.toString());
        return response.writeHead(404).end();
      }
      oracle ??= createOracle(fake.deliveries, { isBot });
      response.end(JSON.stringify(answer(oracle, new URL(request.url!, 'http://fake'), fake.lie)));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const fake: FakeService = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    deliveries: [],
    trouble: () => 'none',
    lie: (_, value) => value,
    requests: 0,
    videos: [],
    forget() {
      fake.deliveries.length = 0;
      oracle = null;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return fake;
}
