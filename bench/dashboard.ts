import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { StoreClient } from '../src/store/client.ts';
import { Generator } from './generator-process.ts';
import { Histogram } from './histogram.ts';
import { CALLERS, get } from './questions.ts';
import { type Machine, renderMachine, table } from './report.ts';
import { type Verdict, verify, waitUntilStored } from './stored.ts';
import { type Subject, startSubject } from './subject.ts';

/**
 * How fast the dashboard's overview is answered: a week of events is there, more come in, and callers look at the page
 * again and again, each at another app and range. They ask what the page asks, as it asks it.
 */

export interface DashboardPlan {
  /** Events of the week before. */
  readonly events: number;
  /** Events per second that come in meanwhile. */
  readonly rate: number;
  readonly seconds: number;
}

export interface DashboardOutcome extends DashboardPlan {
  readonly clickhouse: string;
  /** Milliseconds. */
  readonly questions: readonly {
    readonly name: string;
    readonly asked: number;
    readonly p50: number;
    readonly p95: number;
  }[];
  readonly all: { readonly asked: number; readonly p50: number; readonly p95: number; readonly p99: number };
  /** Answers that were none, by status. */
  readonly failed: Readonly<Record<string, number>>;
  readonly verdict: Verdict;
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const STEP_SECONDS = 10;
const STEPS = 12;
const FIGURES = ['viewers', 'views', 'watch_time_seconds', 'completion_rate', 'events', 'errors'];
const LISTS = ['video_id', 'referrer', 'country', 'device'];
const APPS = [null, 'tube', 'news', 'kids'];

interface Asked {
  readonly name: string;
  readonly path: string;
}

/** What the overview asks: each figure over the range and the one before, and its lists. */
function pageQuestions(now: number, caller: number): readonly Asked[] {
  const app = APPS[caller % APPS.length];
  const days = caller % 3 === 0 ? 1 : 7;
  const minute = Math.ceil(now / MINUTE_MS) * MINUTE_MS;
  const end = days === 1 ? minute : Math.ceil(now / DAY_MS) * DAY_MS;
  const from = days === 1 ? Math.floor(minute / HOUR_MS) * HOUR_MS - 23 * HOUR_MS : end - days * DAY_MS;
  const of = app === null ? '' : `&app_id=${app}`;
  const path = (start: number, stop: number, words: string) =>
    `/metrics?from=${new Date(start).toISOString()}&to=${new Date(stop).toISOString()}${of}&timezone=UTC&${words}`;
  const span = `${days} d`;
  const back = days * DAY_MS;
  return [
    ...FIGURES.flatMap((metric) => [
      { name: `${metric}, ${span}`, path: path(from, end, `metric=${metric}&interval=1h`) },
      {
        name: `${metric}, ${span} before`,
        path: path(from - back, end - back, `metric=${metric}&interval=1h`),
      },
    ]),
    ...LISTS.map((field) => ({
      name: `views by ${field}, ${span}`,
      path: path(from, end, `metric=views&group_by=${field}&limit=100`),
    })),
    { name: `events by name, ${span}`, path: path(from, end, 'metric=events&group_by=event_name&limit=100') },
  ];
}

export async function runDashboard(
  plan: DashboardPlan,
  say: (text: string) => void,
): Promise<DashboardOutcome> {
  const subject = await startSubject('service', 'local');
  try {
    const now = Date.now();
    const past = { from: now - 7 * DAY_MS, to: now, events: plan.events };
    say(`  ${plan.events.toLocaleString('en-US')} events of a week …`);
    const filled = await fill(subject, past);
    await untilClean(subject.client);
    say(`  ${CALLERS} callers for ${plan.seconds} s, at ${plan.rate.toLocaleString('en-US')} events/s …`);
    const generator = await startGenerator(subject, { rate: plan.rate });
    await delay(3_000);
    const ending = new AbortController();
    const times = new Map<string, Histogram>();
    const all = new Histogram();
    const failed: Record<string, number> = {};
    const agent = new Agent({ keepAlive: true, maxSockets: CALLERS });
    const callers = Array.from({ length: CALLERS }, (_, caller) =>
      look(subject.facts.url, agent, caller, ending.signal, (name, status, micros) => {
        if (status !== 200) failed[status] = (failed[status] ?? 0) + 1;
        const own = times.get(name) ?? new Histogram();
        times.set(name, own);
        own.add(micros);
        all.add(micros);
      }),
    );
    await delay(plan.seconds * 1000);
    ending.abort();
    await Promise.all(callers);
    agent.destroy();
    const { report } = await generator.stop();
    const distinct = filled + report.distinct;
    await waitUntilStored(subject.client, distinct);
    const ms = (histogram: Histogram, share: number) => histogram.quantile(share) / 1000;
    return {
      ...plan,
      clickhouse: subject.facts.clickhouse,
      questions: [...times].map(([name, one]) => ({
        name,
        asked: one.total,
        p50: ms(one, 0.5),
        p95: ms(one, 0.95),
      })),
      all: { asked: all.total, p50: ms(all, 0.5), p95: ms(all, 0.95), p99: ms(all, 0.99) },
      failed,
      verdict: await verify(subject.client, distinct, report.unknown),
    };
  } finally {
    await subject.stop();
  }
}

async function startGenerator(
  subject: Subject,
  { rate, past }: { rate: number | null; past?: { from: number; to: number; events: number } },
): Promise<Generator> {
  const { hostname, port } = new URL(subject.facts.url);
  const perSecond = past === undefined ? rate! : past.events / ((past.to - past.from) / 1000);
  return await Generator.start({
    host: hostname,
    port: Number(port),
    path: '/events',
    batch: 100,
    connections: 16,
    rate,
    run: Math.floor(Math.random() * 2 ** 24),
    viewsBetweenSteps: Math.max(1, Math.round((perSecond * STEP_SECONDS) / STEPS)),
    ...(past === undefined ? {} : { past }),
  });
}

/** Sends a week's events as fast as they are taken. Resolves with how many distinct ones are stored. */
async function fill(subject: Subject, past: { from: number; to: number; events: number }): Promise<number> {
  const generator = await startGenerator(subject, { rate: null, past });
  while ((await generator.measure()).acknowledged < past.events) await delay(100);
  const { report } = await generator.stop();
  await waitUntilStored(subject.client, report.distinct);
  return report.distinct;
}

async function untilClean(client: StoreClient): Promise<void> {
  for (;;) {
    const [row] = await client.select<{ dirty: number }>(
      `SELECT count() AS dirty FROM (SELECT 1 FROM bucket_state GROUP BY app_id, bucket
       HAVING max(lease_until) >= max(as_of))`,
    );
    if (row!.dirty === 0) return;
    await delay(500);
  }
}

/** One who looks at the page until the signal ends. */
async function look(
  url: string,
  agent: Agent,
  caller: number,
  signal: AbortSignal,
  answered: (name: string, status: number, micros: number) => void,
): Promise<void> {
  while (!signal.aborted)
    for (const { name, path } of pageQuestions(Date.now(), caller)) {
      const began = performance.now();
      const status = await get(`${url}${path}`, agent, signal);
      if (signal.aborted) return;
      answered(name, status, (performance.now() - began) * 1000);
    }
}

/** Sizes side by side, so that the growth is seen. */
export function renderDashboards(machine: Machine, outcomes: readonly DashboardOutcome[]): string {
  const size = ({ events }: DashboardPlan) => `${events / 1e6} million`;
  const ms = (value: number | undefined) => (value === undefined ? '' : value.toFixed(0));
  const names = [...new Set(outcomes.flatMap(({ questions }) => questions.map(({ name }) => name)))];
  const { rate, seconds } = outcomes[0]!;
  const totals = outcomes.map((outcome) => {
    const { asked, p50, p95, p99 } = outcome.all;
    const { lost, doubled } = outcome.verdict;
    const failed = Object.values(outcome.failed).reduce((sum, count) => sum + count, 0);
    return [
      size(outcome),
      String(asked),
      ms(p50),
      ms(p95),
      ms(p99),
      String(failed),
      String(lost),
      String(doubled),
    ];
  });
  const rows = names.map((name) => [
    name,
    ...outcomes.flatMap(({ questions }) => {
      const found = questions.find((question) => question.name === name);
      return [ms(found?.p50), ms(found?.p95)];
    }),
  ]);
  return `# The dashboard's questions

${renderMachine(machine)}

${CALLERS} callers look at the overview of a week, each at an app and a range of its own, one question after the other, for
${seconds} s, while ${rate.toLocaleString('en-US')} events a second come in.

${table(['events', 'answers', 'p50 ms', 'p95 ms', 'p99 ms', 'failed', 'lost', 'duplicates'], totals)}

${table(['question', ...outcomes.flatMap((outcome) => [`${size(outcome)}: p50 ms`, 'p95 ms'])], rows)}
`;
}
