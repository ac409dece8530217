import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { type WebSocket, WebSocketServer } from 'ws';
import { alertHistoryAnswer, alertsAnswer } from './dashboard-alert-data.ts';
import { behaviorAnswer } from './dashboard-behavior-data.ts';
import { eventAt, historyAt, metricAnswer, realtimeAt, VIDEOS, videoAnswer } from './dashboard-data.ts';
import { FUNNELS, funnelAnswer } from './dashboard-funnel-data.ts';
import { keysAnswer } from './dashboard-key-data.ts';
import { pipelineAnswers } from './dashboard-pipeline-data.ts';
import { planAnswer, planCheckAnswer, plansAnswer } from './dashboard-plan-data.ts';
import { REPORT_TEMPLATES, reportAnswer } from './dashboard-report-data.ts';
import { pathsAnswer, retentionAnswer } from './dashboard-retention-data.ts';
import { sessionEventsAnswer, sessionStatsAnswer, sessionsAnswer } from './dashboard-session-data.ts';

/**
 * Stands in for the service in the dashboard's browser tests: serves the built files, answers the questions that the
 * dashboard asks, and pushes live figures. Its scenario can be changed while it runs.
 */
export type Scenario = 'full' | 'empty' | 'error' | 'much';

export interface DashboardFixture {
  url: string;
  /** Every request to the API so far, as path and query. */
  requests: string[];
  setScenario(scenario: Scenario): void;
  /** Pushes an event to those who subscribed to events; the empty scenario becomes full with it. */
  emit(event: Record<string, unknown>): void;
  /** Cuts all WebSockets; while refused, new ones are turned away. */
  dropSockets(refuse: boolean): void;
  acceptSockets(): void;
  sockets(): number;
  /** What clients subscribed to, latest last. */
  subscriptions: unknown[];
  stop(): Promise<void>;
}

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};
const ZERO = {
  concurrent_viewers: 0,
  active_streams: 0,
  bandwidth_gbps: 0,
  events_per_second: 0,
  error_rate: 0,
};

interface State {
  scenario: Scenario;
  refusing: boolean;
  requests: string[];
  subscriptions: unknown[];
}

function matchesEvent(event: Record<string, unknown>, query: URLSearchParams): boolean {
  const named = ['event_name', 'user_id', 'session_id', 'video_id', 'view_id'];
  if (!named.every((name) => query.get(name) === null || query.get(name) === event[name])) return false;
  return query.getAll('filter').every((filter) => {
    const [field = '', op, value] = filter.split(':');
    const context = event.context as Record<string, unknown>;
    return op !== 'eq' || (event[field] ?? context[field] ?? '') === value;
  });
}

function listEvents(state: State, query: URLSearchParams): unknown {
  if (state.scenario === 'empty') return { data: [], next_cursor: null };
  if (query.get('order') === 'asc') return sessionEventsAnswer(query.get('session_id') ?? '');
  const limit = Number(query.get('limit') ?? 50);
  const start = Number(query.get('cursor') ?? 0);
  const now = Date.now();
  const data: unknown[] = [];
  let at = start;
  for (; data.length < limit && at < start + 5_000; at += 1) {
    const event = eventAt(now, at);
    if (matchesEvent(event, query)) data.push(event);
  }
  return { data, next_cursor: data.length === limit ? String(at) : null };
}

function listVideos(state: State, query: URLSearchParams): unknown {
  const ids = query.get('ids')?.split(',');
  const known =
    state.scenario === 'empty'
      ? []
      : VIDEOS.filter((video) => ids === undefined || ids.includes(video.video_id));
  const rest = { season: null, episode: null, published_at: '2026-01-31T00:00:00.000Z', live: false };
  return { data: known.map((video) => ({ ...rest, ...video })), next_cursor: null };
}

/** The answer to a question, or undefined where there is no such question. */
function answer(state: State, url: URL): unknown {
  const { pathname, searchParams: query } = url;
  const isEmpty = state.scenario === 'empty';
  const video = /^\/api\/metrics\/video\/(.+)$/.exec(pathname);
  if (video !== null) return videoAnswer(decodeURIComponent(video[1]!), query.get('startDate') ?? '');
  const plan = /^\/v1\/plans\/([^/]+)$/.exec(pathname);
  if (plan !== null) return planAnswer(decodeURIComponent(plan[1]!), query);
  const fixed: Record<string, () => unknown> = {
    '/api/metrics/realtime': () => (isEmpty ? ZERO : realtimeAt(Date.now())),
    '/v1/realtime/history': () => (isEmpty ? { points: [] } : historyAt(Date.now())),
    '/metrics': () =>
      isEmpty
        ? { ...metricAnswer(query), series: [] }
        : metricAnswer(query, state.scenario === 'much' ? 9 : 100),
    '/v1/events': () => listEvents(state, query),
    '/v1/apps': () => ({
      data: [
        { app_id: 'web', name: 'Harbour TV' },
        { app_id: 'ios', name: 'Harbour iOS' },
        { app_id: 'tv', name: null },
      ],
    }),
    '/v1/retention': () => retentionAnswer(isEmpty, query),
    '/v1/behavior/summary': () => behaviorAnswer(isEmpty, state.scenario === 'much'),
    '/v1/paths': () => pathsAnswer(isEmpty, query),
    '/v1/plans/purchase/check': planCheckAnswer,
    '/v1/plans': () => plansAnswer(isEmpty, state.scenario === 'much', query),
    '/v1/keys': () => keysAnswer(isEmpty),
    '/v1/videos': () => listVideos(state, query),
    '/report': () => ({ data: REPORT_TEMPLATES }),
    '/v1/funnels': () => ({ data: isEmpty ? [] : FUNNELS }),
    '/v1/funnels/to-the-end': () => funnelAnswer(query),
    '/v1/funnels/sign-up': () => funnelAnswer(query),
    '/v1/alerts': () => alertsAnswer(isEmpty),
    '/v1/alert-history': () => alertHistoryAnswer(isEmpty),
    '/v1/sessions': () => sessionsAnswer(isEmpty, query),
    '/v1/sessions/stats': () => sessionStatsAnswer(isEmpty, query),
  };
  return (fixed[pathname] ?? pipelineAnswers(state.scenario, query)[pathname])?.();
}

function sendJson(response: ServerResponse, status: number, body: unknown, type = 'application/json'): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}

async function sendFile(folder: string, pathname: string, response: ServerResponse): Promise<void> {
  const asked = join(folder, normalize(pathname));
  const found = await stat(asked).then(
    (entry) => entry.isFile(),
    () => false,
  );
  const path = found && asked.startsWith(folder) ? asked : join(folder, 'index.html');
  response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' });
  createReadStream(path).pipe(response);
}

const API_PATH = /^\/(api|v1|metrics|health|report)(\/|$)/;
const PROBLEM = 'application/problem+json';
const BROKEN = {
  type: 'about:blank',
  title: 'Service Unavailable',
  status: 503,
  detail: 'ClickHouse does not answer.',
  code: 'store_unavailable',
  request_id: 'req-1',
};

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString());
}

function handleRequest(
  folder: string,
  state: State,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const url = new URL(request.url ?? '/', 'http://fixture');
  if (!API_PATH.test(url.pathname)) {
    void sendFile(folder, url.pathname, response);
    return;
  }
  state.requests.push(url.pathname + url.search);
  if (state.scenario === 'error') {
    sendJson(response, 503, BROKEN, PROBLEM);
    return;
  }
  if (request.method === 'POST' && url.pathname === '/report') {
    void readJson(request).then((body) => {
      const { template } = body as { template: string };
      sendJson(response, 200, reportAnswer(state.scenario === 'empty', template));
    });
    return;
  }
  const body = answer(state, url);
  if (body === undefined) {
    sendJson(response, 404, { title: 'Not found', status: 404, code: 'not_found' }, PROBLEM);
  } else sendJson(response, 200, body);
}

interface LiveLine {
  pushEvent(event: Record<string, unknown>): void;
  count(): number;
  drop(): void;
  stop(): void;
}

/** Pushes figures each second, and three events with them where there are any. */
function startLiveLine(server: Server, state: State): LiveLine {
  const wantsEvents = new Set<WebSocket>();
  const sockets = new WebSocketServer({ server, path: '/ws', verifyClient: () => !state.refusing });
  let sent = 0;

  function pushMetrics(socket: WebSocket): void {
    const now = Date.now();
    const figures = state.scenario === 'empty' ? ZERO : realtimeAt(now);
    const payload = { ...figures, time: new Date(now).toISOString() };
    socket.send(JSON.stringify({ type: 'realtime_metrics', payload }));
  }
  function pushEvent(event: Record<string, unknown>): void {
    for (const socket of wantsEvents)
      socket.send(JSON.stringify({ type: 'analytics_event', payload: event }));
  }
  sockets.on('connection', (socket) => {
    pushMetrics(socket);
    socket.on('message', (data) => {
      const { payload } = JSON.parse(String(data)) as { payload: { events: boolean } };
      state.subscriptions.push(payload);
      if (payload.events) wantsEvents.add(socket);
      else wantsEvents.delete(socket);
      socket.send(JSON.stringify({ type: 'subscribed' }));
    });
    socket.on('close', () => wantsEvents.delete(socket));
  });
  const timer = setInterval(() => {
    for (const socket of sockets.clients) pushMetrics(socket);
    if (state.scenario === 'empty' || state.scenario === 'error') return;
    sent += 3;
    for (let n = 0; n < 3; n += 1) pushEvent(eventAt(Date.now(), -sent - n));
  }, 1_000);
  const drop = (): void => {
    for (const socket of sockets.clients) socket.terminate();
  };
  return {
    pushEvent,
    count: () => sockets.clients.size,
    drop,
    stop() {
      clearInterval(timer);
      drop();
      sockets.close();
    },
  };
}

/** @param folder the built dashboard */
export async function startDashboardFixture(
  folder: string,
  scenario: Scenario = 'full',
): Promise<DashboardFixture> {
  const state: State = { scenario, refusing: false, requests: [], subscriptions: [] };
  const server = createServer((request, response) => handleRequest(folder, state, request, response));
  const line = startLiveLine(server, state);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: state.requests,
    subscriptions: state.subscriptions,
    setScenario(next) {
      state.scenario = next;
    },
    emit(event) {
      if (state.scenario === 'empty') state.scenario = 'full';
      line.pushEvent(event);
    },
    dropSockets(refuse) {
      state.refusing = refuse;
      line.drop();
    },
    acceptSockets() {
      state.refusing = false;
    },
    sockets: line.count,
    async stop() {
      line.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
