/**
 * Holds the service's answers against the demo's own count.
 * In: a state, and a way to ask. Out: one check per number. Counts have to be exact, distinct counts too up to some
 * thousands and within 0.5 % beyond (the promise of uniqCombined64); times and shares differ by rounding at most.
 */
import type { Clock } from './clock.ts';
import { type AppCount, peopleSize, type TitleCount } from './count.ts';
import type { Service } from './service.ts';
import type { DemoState } from './state.ts';

export interface Check {
  /** What was asked of whom, as `app metric`. */
  readonly subject: string;
  readonly metric: string;
  readonly expected: number | null;
  /** undefined when there was no such number; `problem` says why. */
  readonly got: number | null | undefined;
  readonly ok: boolean;
  readonly problem?: string;
}

type Kind = 'count' | 'distinct' | 'measure';

const distinctExactMax = 4_000;
const distinctError = 0.005;
const dayMs = 86_400_000;

/** Whether an answer is right for a number of its kind. */
export function agrees(kind: Kind, expected: number | null, got: unknown): boolean {
  if (expected === null || got === null) return expected === got;
  if (typeof got !== 'number') return false;
  if (kind === 'count') return got === expected;
  if (kind === 'distinct') {
    const slack = expected <= distinctExactMax ? 0 : expected * distinctError;
    return Math.abs(got - expected) <= slack;
  }
  return Math.abs(got - expected) <= Math.max(0.001, Math.abs(expected) * 1e-6);
}

type Expectation = readonly [metric: string, kind: Kind, expected: number | null];

export function expectationsOfApp(app: AppCount): Expectation[] {
  return [
    ['events', 'count', app.events],
    ['users', 'distinct', peopleSize(app.users)],
    ['sessions', 'distinct', app.sessions],
    ['page_views', 'count', app.page_views],
    ['views', 'count', app.views],
    ['viewers', 'distinct', peopleSize(app.viewers)],
    ['watch_time_seconds', 'measure', app.watchMs / 1000],
    ['impressions', 'count', app.impressions],
    ['reach', 'distinct', peopleSize(app.reach)],
    ['completions', 'count', app.completions],
    ['completion_rate', 'measure', app.views === 0 ? 0 : app.completedViews / app.views],
    ['errors', 'count', app.errors],
  ];
}

export function expectationsOfTitle(title: TitleCount): Expectation[] {
  const average = title.knownViews === 0 ? null : title.percentages / title.knownViews;
  const completion = title.views === 0 ? 0 : title.completedViews / title.views;
  const score = average === null ? 10 * completion : 10 * ((0.7 * average) / 100 + 0.3 * completion);
  return [
    ['views', 'count', title.views],
    ['unique_viewers', 'distinct', peopleSize(title.viewers)],
    ['watch_time_seconds', 'measure', title.watchMs / 1000],
    ['avg_watch_percentage', 'measure', average],
    ['completion_rate', 'measure', completion],
    ['engagement_score', 'measure', score],
  ];
}

interface MetricsAnswer {
  readonly series?: readonly {
    readonly total: number;
    readonly points: readonly { time: string; value: number }[];
  }[];
}

function problemOf(status: number, body: unknown): string {
  const detail = (body as { detail?: string } | null)?.detail ?? '';
  const advice = status === 401 || status === 403 ? '; give a key with the scope "read" as --read-key' : '';
  return `status ${status}${detail && `: ${detail}`}${advice}`;
}

function check(subject: string, [metric, kind, expected]: Expectation, got: unknown): Check {
  const ok = agrees(kind, expected, got);
  return { subject, metric, expected, got: typeof got === 'number' || got === null ? got : undefined, ok };
}

const iso = (at: number) => new Date(at).toISOString();

/** Whole UTC days around everything that was sent. */
function spanOf({ from, to }: DemoState): { from: string; to: string; startDate: string; endDate: string } {
  const first = Math.floor(from / dayMs) * dayMs;
  const last = Math.ceil(to / dayMs) * dayMs;
  const endDate = iso(last - dayMs).slice(0, 10);
  return { from: iso(first), to: iso(last), startDate: iso(first).slice(0, 10), endDate };
}

async function checkApp(service: Service, state: DemoState, appId: string, app: AppCount): Promise<Check[]> {
  const { from, to } = spanOf(state);
  const checks: Check[] = [];
  for (const expectation of expectationsOfApp(app)) {
    const [metric, , expected] = expectation;
    const query = new URLSearchParams({ metric, from, to, app_id: appId });
    const { status, body } = await service.ask(`/metrics?${query}`);
    if (status === 200) {
      checks.push(check(appId, expectation, (body as MetricsAnswer).series?.[0]?.total ?? 0));
    } else {
      checks.push({
        subject: appId,
        metric,
        expected,
        got: undefined,
        ok: false,
        problem: problemOf(status, body),
      });
    }
  }
  for (const metric of ['events', 'views'] as const) {
    const query = new URLSearchParams({ metric, from, to, app_id: appId, interval: '1d' });
    const { status, body } = await service.ask(`/metrics?${query}`);
    const points = status === 200 ? ((body as MetricsAnswer).series?.[0]?.points ?? []) : [];
    const byDay = new Map(points.map(({ time, value }) => [time.slice(0, 10), value]));
    for (const date of new Set([...byDay.keys(), ...app.days.keys()])) {
      const expected = app.days.get(date)?.[metric] ?? 0;
      const answer = check(appId, [`${metric} on ${date}`, 'count', expected], byDay.get(date) ?? 0);
      checks.push(status === 200 ? answer : { ...answer, got: undefined, problem: problemOf(status, body) });
    }
  }
  return checks;
}

/** The ten titles with the most views, and fifteen from all over the rest. */
function sampleTitles(state: DemoState): [string, TitleCount][] {
  const ranked = [...state.count.titles].sort(([, a], [, b]) => b.views - a.views);
  const rest = ranked.slice(10);
  return [...ranked.slice(0, 10), ...rest.filter((_, i) => i % Math.ceil(rest.length / 15) === 0)];
}

async function checkTitle(
  service: Service,
  state: DemoState,
  videoId: string,
  title: TitleCount,
): Promise<Check[]> {
  const { startDate, endDate } = spanOf(state);
  const query = new URLSearchParams({ startDate, endDate, app_id: [...state.count.apps.keys()].join() });
  const { status, body } = await service.ask(`/api/metrics/video/${encodeURIComponent(videoId)}?${query}`);
  return expectationsOfTitle(title).map((expectation) => {
    const [metric, , expected] = expectation;
    if (status === 200) return check(videoId, expectation, (body as Record<string, unknown>)[metric]);
    return {
      subject: videoId,
      metric,
      expected,
      got: undefined,
      ok: false,
      problem: problemOf(status, body),
    };
  });
}

/** Asks for every number. Rejects when the service does not answer at all. */
export async function verifyState(service: Service, state: DemoState): Promise<Check[]> {
  const checks: Check[] = [];
  for (const [appId, app] of state.count.apps) checks.push(...(await checkApp(service, state, appId, app)));
  for (const [videoId, title] of sampleTitles(state)) {
    checks.push(...(await checkTitle(service, state, videoId, title)));
  }
  return checks;
}

/** Events of the demo's apps that the service holds, by its own account; null when it will not say. */
export async function storedEvents(service: Service, apps: readonly string[], from: number, to: number) {
  const query = new URLSearchParams({ metric: 'events', from: iso(from), to: iso(to), app_id: apps.join() });
  const { status, body } = await service.ask(`/metrics?${query}`);
  if (status !== 200) return null;
  return (body as MetricsAnswer).series?.[0]?.total ?? 0;
}

/** `in_flight` or `lag`, wherever the ledger tells it; the sum of its lines when it tells it by line. */
export function inFlightOf(ledger: unknown): number | null {
  if (typeof ledger !== 'object' || ledger === null) return null;
  if (Array.isArray(ledger)) {
    const known = ledger.map(inFlightOf).filter((n) => n !== null);
    return known.length === 0 ? null : known.reduce((sum, n) => sum + n, 0);
  }
  const fields = ledger as Record<string, unknown>;
  for (const name of ['in_flight', 'lag']) if (typeof fields[name] === 'number') return fields[name];
  for (const name of ['total', 'totals', 'data', 'apps']) {
    const inside = inFlightOf(fields[name]);
    if (inside !== null) return inside;
  }
  return null;
}

/**
 * Waits until the service has nothing in flight. Without a ledger it waits until the events are there.
 * False when that did not happen within `patienceMs`.
 */
export async function settleService(
  service: Service,
  state: DemoState,
  clock: Clock,
  signal: AbortSignal,
  patienceMs: number,
): Promise<boolean> {
  const deadline = clock.now() + patienceMs;
  const expected = [...state.count.apps.values()].reduce((sum, app) => sum + app.events, 0);
  while (!signal.aborted) {
    const { status, body } = await service.ask('/v1/ledger');
    const inFlight = status === 200 ? inFlightOf(body) : null;
    if (inFlight !== null && inFlight <= 0) return true;
    if (inFlight === null) {
      const stored = await storedEvents(service, [...state.count.apps.keys()], state.from, state.to);
      if (stored !== null && stored >= expected) return true;
    }
    if (clock.now() >= deadline) return false;
    await clock.sleep(500, signal);
  }
  return false;
}

function shown(value: number | null | undefined): string {
  if (value === undefined) return '-';
  if (value === null) return 'null';
  return Number.isInteger(value) ? value.toLocaleString('en-US') : value.toFixed(4);
}

/** The checks as a table for people: a difference anywhere, else one line per subject and metric of the apps. */
export function checksTable(checks: readonly Check[]): string {
  const rows = checks.map(({ subject, metric, expected, got, ok, problem }) => [
    subject,
    metric,
    shown(expected),
    shown(got),
    ok ? 'ok' : `DIFFERS${problem ? ` (${problem})` : ''}`,
  ]);
  const head = ['of', 'metric', 'expected', 'got', ''];
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (i === 2 || i === 3 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  return `${[head, ...rows].map(line).join('\n')}\n`;
}
