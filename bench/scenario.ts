import { setTimeout as delay } from 'node:timers/promises';
import { cpuSeconds, PeakWatch, residentMiB, ThreadWatch } from './cpu.ts';
import { Generator } from './generator-process.ts';
import type { LoadPlan, LoadReport } from './load.ts';
import type { CpuProfile } from './profile.ts';
import { type Metrics, scrape } from './prometheus.ts';
import { askQuestions, type QuestionTimes } from './questions.ts';
import { readFreshness, readServerEvents, type Verdict, verify, waitUntilStored } from './stored.ts';
import { type LogKind, type Subject, type SubjectKind, startSubject } from './subject.ts';

/** One run: a fresh subject, a warm-up, a measured window, and a look at what is stored in the end. */

export interface Scenario {
  readonly name: string;
  readonly subject: SubjectKind;
  readonly log: LogKind;
  readonly batch: number;
  readonly connections: number;
  /** Events per second; null: as many as it takes. */
  readonly rate: number | null;
  /** At least so long, and longer where the machine is too busy to warm up in that time. */
  readonly warmSeconds: number;
  readonly seconds: number;
  readonly profile: boolean;
  /** Ask the questions while the window lasts. */
  readonly ask: boolean;
}

export interface Outcome {
  readonly scenario: Scenario;
  readonly clickhouse: string;
  /** Of the window alone. */
  readonly seconds: number;
  readonly acknowledged: number;
  readonly report: LoadReport;
  /** Events stored from the start of the window until all was stored. CPU is counted for these. */
  readonly stored: number;
  readonly cpu: {
    readonly service: number;
    readonly clickhouse: number;
    readonly generator: number;
    /** Of the Kafka broker, where there is one. */
    readonly broker: number;
  };
  /** CPU seconds by thread name. */
  readonly threads: { readonly service: Threads; readonly clickhouse: Threads };
  readonly rssMiB: { readonly service: number; readonly clickhouse: number };
  /** Growth of a metric of the service from the start of the window to the end. */
  readonly grown: Metrics['value'];
  readonly steps: readonly string[];
  /** The same of ClickHouse's own counters. */
  readonly serverGrown: (event: string) => number;
  /** Milliseconds from receipt until ClickHouse took the event; null where that is not stored. */
  readonly freshness: { readonly p50: number; readonly p95: number } | null;
  readonly questions: readonly QuestionTimes[];
  /** From the last acknowledgement until all was stored, seconds. */
  readonly drainSeconds: number;
  /** The largest age of the oldest event of a block when it was stored, seconds. */
  readonly lagSeconds: number;
  readonly verdict: Verdict;
  readonly profile: CpuProfile | null;
}

type Threads = ReadonlyMap<string, number>;

const LOOK_EVERY_MS = 250;

/** Looks at threads, memory and lag while the window lasts. */
class Watch {
  readonly #subject: Subject;
  readonly service: ThreadWatch;
  readonly clickhouse: ThreadWatch;
  readonly serviceRss: PeakWatch;
  readonly clickhouseRss: PeakWatch;
  lagSeconds = 0;
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(subject: Subject) {
    const clickhousePid = subject.facts.clickhousePid ?? 0;
    this.#subject = subject;
    this.service = new ThreadWatch(subject.pid);
    this.clickhouse = new ThreadWatch(clickhousePid);
    this.serviceRss = new PeakWatch(() => residentMiB(subject.pid));
    this.clickhouseRss = new PeakWatch(() => residentMiB(clickhousePid));
  }

  start(): void {
    this.service.restart();
    this.clickhouse.restart();
    this.#timers.push(setInterval(() => this.#look(), LOOK_EVERY_MS));
    this.#timers.push(setInterval(() => void this.#lookAtLag(), 1_000));
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#look();
  }

  #look(): void {
    for (const watch of [this.service, this.clickhouse, this.serviceRss, this.clickhouseRss]) watch.look();
  }

  async #lookAtLag(): Promise<void> {
    const metrics = await scrape(this.#subject.facts.metricsUrl).catch(() => null);
    this.lagSeconds = Math.max(this.lagSeconds, metrics?.value('analytics_freshness_seconds') ?? 0);
  }
}

interface Snapshot {
  readonly at: number;
  readonly service: number;
  readonly clickhouse: number;
  readonly broker: number;
  readonly metrics: Metrics;
  readonly server: ReadonlyMap<string, number>;
  readonly rows: number;
}

async function takeSnapshot(subject: Subject): Promise<Snapshot> {
  const { client, facts, pid, brokerPid } = subject;
  const { rows } = await waitUntilStored(client, 0);
  return {
    at: Date.now(),
    service: cpuSeconds(pid),
    clickhouse: cpuSeconds(facts.clickhousePid ?? 0),
    broker: cpuSeconds(brokerPid ?? 0),
    metrics: await scrape(facts.metricsUrl),
    server: await readServerEvents(client),
    rows,
  };
}

export async function runScenario(scenario: Scenario): Promise<Outcome> {
  const subject = await startSubject(scenario.subject, scenario.log);
  try {
    return await runOn(subject, scenario);
  } finally {
    await subject.stop();
  }
}

interface Window {
  readonly before: Snapshot;
  readonly seconds: number;
  readonly acknowledged: number;
  readonly generatorCpu: number;
  readonly report: LoadReport;
  readonly profile: CpuProfile | null;
  readonly questions: readonly QuestionTimes[];
}

async function runOn(subject: Subject, scenario: Scenario): Promise<Outcome> {
  const watch = new Watch(subject);
  const window = await load(subject, scenario, watch);
  const { report, before } = window;
  const stopped = performance.now();
  // The baseline stores duplicates too.
  const rows = scenario.subject === 'baseline' ? report.acknowledged : report.distinct;
  await waitUntilStored(subject.client, rows);
  const drainSeconds = (performance.now() - stopped) / 1000;
  const after = await takeSnapshot(subject);
  watch.stop();
  const verdict = await verify(subject.client, report.distinct, report.unknown);
  return {
    ...window,
    scenario,
    clickhouse: subject.facts.clickhouse,
    stored: after.rows - before.rows,
    cpu: {
      service: after.service - before.service,
      clickhouse: after.clickhouse - before.clickhouse,
      generator: window.generatorCpu,
      broker: after.broker - before.broker,
    },
    threads: { service: watch.service.byName(), clickhouse: watch.clickhouse.byName() },
    rssMiB: { service: watch.serviceRss.peak, clickhouse: watch.clickhouseRss.peak },
    grown: (name, labels) => after.metrics.value(name, labels) - before.metrics.value(name, labels),
    steps: after.metrics.labels('analytics_pipeline_step_seconds_sum', 'step'),
    serverGrown: (event) => (after.server.get(event) ?? 0) - (before.server.get(event) ?? 0),
    freshness:
      scenario.subject === 'baseline'
        ? null
        : await readFreshness(subject.client, before.at, before.at + window.seconds * 1000),
    drainSeconds,
    lagSeconds: watch.lagSeconds,
    verdict,
  };
}

const WARM_ROWS = 400_000;
const WARM_ROWS_SINGLE = 40_000;
/** No longer than this many times the time planned. */
const WARM_STRETCH = 4;

/** Until what runs often was compiled: code still being compiled would be charged to few events. */
async function warmUp({ client }: Subject, { warmSeconds, batch, rate }: Scenario): Promise<void> {
  const began = performance.now();
  await delay(warmSeconds * 1000);
  const wanted = Math.min(batch === 1 ? WARM_ROWS_SINGLE : WARM_ROWS, (rate ?? Infinity) * warmSeconds);
  while (performance.now() - began < warmSeconds * WARM_STRETCH * 1000) {
    if ((await waitUntilStored(client, 0)).rows >= wanted * 0.9) return;
    await delay(500);
  }
}

/** Warm-up and window. */
async function load(subject: Subject, scenario: Scenario, watch: Watch): Promise<Window> {
  const { hostname, port } = new URL(subject.facts.url);
  const { batch, connections, rate } = scenario;
  const run = Math.floor(Math.random() * 2 ** 24);
  const plan: LoadPlan = {
    host: hostname,
    port: Number(port),
    path: '/events',
    batch,
    connections,
    rate,
    run,
  };
  const generator = await Generator.start(plan);
  await warmUp(subject, scenario);

  const ending = new AbortController();
  const asking = scenario.ask ? askQuestions(subject.facts.url, ending.signal) : Promise.resolve([]);
  const before = await takeSnapshot(subject);
  const generatorBefore = cpuSeconds(generator.pid);
  const warmed = await generator.measure();
  const began = performance.now();
  watch.start();
  if (scenario.profile) subject.startProfile();
  await delay(scenario.seconds * 1000);
  const generatorCpu = cpuSeconds(generator.pid) - generatorBefore;
  const profile = scenario.profile ? await subject.stopProfile() : null;
  const { report } = await generator.stop();
  const seconds = (performance.now() - began) / 1000;
  ending.abort();
  const acknowledged = report.acknowledged - warmed.acknowledged;
  return { before, seconds, acknowledged, generatorCpu, report, profile, questions: await asking };
}
