import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { StoreClient } from '../src/store/client.ts';
import { Generator } from './generator-process.ts';
import { Histogram } from './histogram.ts';
import { CALLERS_DIFFERENT, pageQuestions } from './pages.ts';
import { CALLERS, get } from './questions.ts';
import { type Machine, renderMachine, table } from './report.ts';
import { type Verdict, verify, waitUntilStored } from './stored.ts';
import { type Subject, startSubject } from './subject.ts';

/**
 * How fast the dashboard is answered: a week of events is there, more come in, and callers look at its pages again and
 * again, each at another app and range. They ask what the pages ask, as they ask it; then one caller asks for everything
 * afresh, which says what an answer costs.
 */

export interface DashboardPlan {
  /** Events of the week before. */
  readonly events: number;
  /** Events per second that come in meanwhile. */
  readonly rate: number;
  readonly seconds: number;
}

/** Milliseconds. */
interface Times {
  readonly asked: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
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
  readonly all: Times;
  /** One caller, and nothing that was made before. */
  readonly afresh: Times;
  /** Answers that were none, by status. */
  readonly failed: Readonly<Record<string, number>>;
  readonly verdict: Verdict;
}

const DAY_MS = 86_400_000;
const STEP_SECONDS = 10;
const STEPS = 12;
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
    // Each page once, as somebody has looked at it before.
    await lookAtAll({ url: subject.facts.url, agent }, {});
    const looking = { url: subject.facts.url, agent, signal: ending.signal };
    const callers = Array.from({ length: CALLERS }, (_, caller) =>
      look(looking, caller, {}, (name, status, micros) => {
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
    const afresh = await lookAtAll({ url: subject.facts.url, agent }, { 'cache-control': 'no-cache' });
    agent.destroy();
    const { report } = await generator.stop();
    const distinct = filled + report.distinct;
    await waitUntilStored(subject.client, distinct);
    return {
      ...plan,
      clickhouse: subject.facts.clickhouse,
      questions: [...times].map(([name, one]) => ({
        name,
        asked: one.total,
        p50: ms(one, 0.5),
        p95: ms(one, 0.95),
      })),
      all: timesOf(all),
      afresh: timesOf(afresh),
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

const ms = (histogram: Histogram, share: number) => histogram.quantile(share) / 1000;

function timesOf(all: Histogram): Times {
  return { asked: all.total, p50: ms(all, 0.5), p95: ms(all, 0.95), p99: ms(all, 0.99) };
}

interface Looking {
  readonly url: string;
  readonly agent: Agent;
  readonly signal: AbortSignal;
}

type Answered = (name: string, status: number, micros: number) => void;

/** One who looks at page after page until the signal ends. */
async function look(
  looking: Looking,
  caller: number,
  headers: Readonly<Record<string, string>>,
  answered: Answered,
): Promise<void> {
  while (!looking.signal.aborted) await lookOnce(looking, caller, headers, answered);
}

async function lookOnce(
  { url, agent, signal }: Looking,
  caller: number,
  headers: Readonly<Record<string, string>>,
  answered: Answered,
): Promise<void> {
  for (const { name, path } of pageQuestions(Date.now(), caller)) {
    const began = performance.now();
    const status = await get(`${url}${path}`, agent, signal, headers);
    if (signal.aborted) return;
    answered(name, status, (performance.now() - began) * 1000);
  }
}

/** Every page at every range and app once, by one caller. */
async function lookAtAll(
  looking: Omit<Looking, 'signal'>,
  headers: Readonly<Record<string, string>>,
): Promise<Histogram> {
  const all = new Histogram();
  const { signal } = new AbortController();
  for (let caller = 0; caller < CALLERS_DIFFERENT; caller++)
    await lookOnce({ ...looking, signal }, caller, headers, (_name, _status, micros) => all.add(micros));
  return all;
}

/** Sizes side by side, so that the growth is seen. */
export function renderDashboards(machine: Machine, outcomes: readonly DashboardOutcome[]): string {
  const size = ({ events }: DashboardPlan) => `${events / 1e6} million`;
  const ms = (value: number | undefined) => (value === undefined ? '' : value.toFixed(value < 10 ? 1 : 0));
  const names = [...new Set(outcomes.flatMap(({ questions }) => questions.map(({ name }) => name)))];
  const { rate, seconds } = outcomes[0]!;
  const totals = outcomes.map((outcome) => {
    const { asked, p50, p95, p99 } = outcome.all;
    const { lost, doubled } = outcome.verdict;
    const failed = Object.entries(outcome.failed).map(([status, count]) => `${count} × ${status}`);
    return [
      size(outcome),
      String(asked),
      ms(p50),
      ms(p95),
      ms(p99),
      failed.join(', ') || '0',
      String(lost),
      String(doubled),
    ];
  });
  const alone = outcomes.map((outcome) => {
    const { asked, p50, p95, p99 } = outcome.afresh;
    return [size(outcome), String(asked), ms(p50), ms(p95), ms(p99)];
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

${CALLERS} callers look at the pages of a week (overview, sessions, pages, events), each at an app and a range of its own, one
question after the other without a pause, for ${seconds} s, while ${rate.toLocaleString('en-US')} events a second come in. An
answer may be as old as docs/operations.md says.

${table(['events', 'answers', 'p50 ms', 'p95 ms', 'p99 ms', 'failed', 'lost', 'duplicates'], totals)}

Then one caller alone, with \`Cache-Control: no-cache\`: what each answer costs.

${table(['events', 'answers', 'p50 ms', 'p95 ms', 'p99 ms'], alone)}

${table(['question', ...outcomes.flatMap((outcome) => [`${size(outcome)}: p50 ms`, 'p95 ms'])], rows)}
`;
}
