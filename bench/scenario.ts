import { fork } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { cpuSeconds, PeakWatch, residentMiB, ThreadWatch } from './cpu.ts';
import type { GeneratorCommand, GeneratorMessage } from './generator.ts';
import type { LoadPlan, LoadReport } from './load.ts';
import type { CpuProfile } from './profile.ts';
import { type Metrics, scrape } from './prometheus.ts';
import { type Stored, type Verdict, verify, waitUntilStored } from './stored.ts';
import { type Subject, type SubjectKind, startSubject } from './subject.ts';

/** One run: a fresh subject, a warm-up, a measured window, and a look at what is stored in the end. */

export interface Scenario {
  readonly name: string;
  readonly subject: SubjectKind;
  readonly batch: number;
  readonly connections: number;
  /** Events per second; null: as many as it takes. */
  readonly rate: number | null;
  readonly warmSeconds: number;
  readonly seconds: number;
  readonly profile: boolean;
  /** Runs beside the load for as long as the window lasts. */
  readonly beside?: (subject: Subject, signal: AbortSignal) => Promise<void>;
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
  readonly cpu: { readonly service: number; readonly clickhouse: number; readonly generator: number };
  /** CPU seconds by thread name. */
  readonly threads: { readonly service: Threads; readonly clickhouse: Threads };
  readonly rssMiB: { readonly service: number; readonly clickhouse: number };
  readonly before: Metrics;
  readonly after: Metrics;
  /** From the last acknowledgement until all was stored, seconds. */
  readonly drainSeconds: number;
  /** The largest age of the oldest event of a block when it was stored, seconds. */
  readonly lagSeconds: number;
  readonly verdict: Verdict;
  readonly profile: CpuProfile | null;
}

type Threads = ReadonlyMap<string, number>;

const LOOK_EVERY_MS = 250;

class Generator {
  readonly #child;
  readonly pid: number;

  private constructor(plan: LoadPlan) {
    this.#child = fork(fileURLToPath(new URL('./generator.ts', import.meta.url)), [JSON.stringify(plan)]);
    this.pid = this.#child.pid!;
  }

  static async start(plan: LoadPlan): Promise<Generator> {
    const generator = new Generator(plan);
    await generator.#next('ready');
    return generator;
  }

  async measure(): Promise<LoadReport> {
    return (await this.#ask('measure', 'measuring')).report;
  }

  async stop(): Promise<{ report: LoadReport; cpuSeconds: number }> {
    return await this.#ask('stop', 'stopped');
  }

  async #ask<T extends GeneratorMessage['type']>(command: GeneratorCommand, type: T) {
    const answer = this.#next(type);
    this.#child.send(command);
    return await answer;
  }

  #next<T extends GeneratorMessage['type']>(type: T): Promise<Extract<GeneratorMessage, { type: T }>> {
    return new Promise((resolve, reject) => {
      const onExit = () => reject(new Error('the load generator ended'));
      this.#child.once('exit', onExit);
      this.#child.once('message', (message: GeneratorMessage) => {
        this.#child.off('exit', onExit);
        if (message.type === type) resolve(message as Extract<GeneratorMessage, { type: T }>);
        else reject(new Error(`the load generator said ${message.type} instead of ${type}`));
      });
    });
  }
}

/** Looks at threads, memory and lag while the window lasts. */
class Watch {
  readonly service: ThreadWatch;
  readonly clickhouse: ThreadWatch;
  readonly serviceRss: PeakWatch;
  readonly clickhouseRss: PeakWatch;
  lagSeconds = 0;
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(subject: Subject) {
    const clickhousePid = subject.facts.clickhousePid ?? 0;
    this.service = new ThreadWatch(subject.pid);
    this.clickhouse = new ThreadWatch(clickhousePid);
    this.serviceRss = new PeakWatch(() => residentMiB(subject.pid));
    this.clickhouseRss = new PeakWatch(() => residentMiB(clickhousePid));
    this.#timers.push(setInterval(() => this.look(), LOOK_EVERY_MS));
    this.#timers.push(setInterval(() => void this.#lookAtLag(subject), 1_000));
  }

  look(): void {
    for (const watch of [this.service, this.clickhouse, this.serviceRss, this.clickhouseRss]) watch.look();
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.look();
  }

  async #lookAtLag({ facts }: Subject): Promise<void> {
    const metrics = await scrape(facts.metricsUrl).catch(() => null);
    this.lagSeconds = Math.max(this.lagSeconds, metrics?.value('analytics_freshness_seconds') ?? 0);
  }
}

interface Snapshot {
  readonly at: number;
  readonly service: number;
  readonly clickhouse: number;
  readonly metrics: Metrics;
  readonly stored: Stored;
}

async function snapshot(subject: Subject): Promise<Snapshot> {
  const stored = await waitUntilStored(subject.client, 0);
  const metrics = await scrape(subject.facts.metricsUrl);
  return {
    at: performance.now(),
    service: cpuSeconds(subject.pid),
    clickhouse: cpuSeconds(subject.facts.clickhousePid ?? 0),
    metrics,
    stored,
  };
}

export async function runScenario(scenario: Scenario): Promise<Outcome> {
  const subject = await startSubject(scenario.subject);
  try {
    return await runOn(subject, scenario);
  } finally {
    await subject.stop();
  }
}

async function runOn(subject: Subject, scenario: Scenario): Promise<Outcome> {
  const { hostname, port } = new URL(subject.facts.url);
  const { batch, connections, rate } = scenario;
  const run = Math.floor(Math.random() * 2 ** 24);
  const plan: LoadPlan = { host: hostname, port: Number(port), path: '/events', batch, connections, rate, run };
  const generator = await Generator.start(plan);
  await delay(scenario.warmSeconds * 1000);

  const ending = new AbortController();
  const beside = scenario.beside?.(subject, ending.signal);
  const before = await snapshot(subject);
  const generatorBefore = cpuSeconds(generator.pid);
  const warmed = await generator.measure();
  const began = performance.now();
  const watch = new Watch(subject);
  if (scenario.profile) subject.startProfile();
  await delay(scenario.seconds * 1000);
  const generatorCpu = cpuSeconds(generator.pid) - generatorBefore;
  const profile = scenario.profile ? await subject.stopProfile() : null;
  const { report } = await generator.stop();
  const stopped = performance.now();
  ending.abort();
  await beside;

  const stored = await waitUntilStored(subject.client, expected(scenario, report));
  const drainSeconds = (performance.now() - stopped) / 1000;
  const after = await snapshot(subject);
  watch.stop();
  return {
    scenario,
    clickhouse: subject.facts.clickhouse,
    seconds: (stopped - began) / 1000,
    acknowledged: report.acknowledged - warmed.acknowledged,
    report,
    stored: stored.rows - before.stored.rows,
    cpu: {
      service: after.service - before.service,
      clickhouse: after.clickhouse - before.clickhouse,
      generator: generatorCpu,
    },
    threads: { service: watch.service.byName(), clickhouse: watch.clickhouse.byName() },
    rssMiB: { service: watch.serviceRss.peak, clickhouse: watch.clickhouseRss.peak },
    before: before.metrics,
    after: after.metrics,
    drainSeconds,
    lagSeconds: watch.lagSeconds,
    verdict: await verify(subject.client, expected(scenario, report), report.unknown),
    profile,
  };
}

/** The baseline stores duplicates too. */
function expected(scenario: Scenario, report: LoadReport): number {
  return scenario.subject === 'baseline' ? report.acknowledged : report.distinct;
}
