/**
 * `npm run bench`: what an event costs, end to end over HTTP, beside the ordinary way of doing it. Every scenario gets a
 * fresh service on an empty folder. Prints Markdown and writes it to bench/results.md.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, release, type as systemName, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type DashboardOutcome, renderDashboards, runDashboard } from './dashboard.ts';
import { type Machine, microsPerEvent, renderReport } from './report.ts';
import { runScaling } from './scaling.ts';
import { type Outcome, runScenario, type Scenario } from './scenario.ts';
import type { Verdict } from './stored.ts';

const HELP = `Usage: npm run bench -- [options]

  --seconds N    length of each measured window (default 20), after 5 s of warm-up or more
  --only a,b     of: single, 100, 1000, profile, baseline, queries
  --rate N       events/s of "queries" (default: half of what "100" reached, else 50,000)
  --sustain N    instead of all these: N seconds at 100,000 events/s in batches of 100 (or at --rate)
  --log kafka    Kafka for the log, beside the same on the local one (Java and Maven are wanted)
  --scaling N    instead of all these, and with --log kafka: one, two and four pipeline processes store what N seconds of
                 batches of 100 left at Kafka (default with --log kafka: 45)
  --dashboard N  instead of all these: 20 callers look at the overview of a week of N million events while more come in,
                 at --rate (default 500/s, fifteen times what 20 million a week are); several sizes with commas, to see how it grows (such as 2,20)
  --profile      with --sustain: a CPU profile too, which itself costs a few percent
`;

const SUSTAINED_RATE = 100_000;
const HALF_LOAD = 50_000;
const DASHBOARD_RATE = 500;
/** Less than that, and what is measured is code that is still being compiled in each process. */
const SCALING_SECONDS = 45;
const WARM_SECONDS = 5;

const plain = {
  subject: 'service',
  log: 'local',
  connections: 16,
  rate: null,
  warmSeconds: WARM_SECONDS,
  profile: false,
  ask: false,
} as const;

function scenarios(seconds: number): Record<string, Scenario> {
  const base = { ...plain, seconds };
  return {
    single: { ...base, name: 'single events', batch: 1, connections: 64 },
    100: { ...base, name: 'batches of 100', batch: 100 },
    1000: { ...base, name: 'batches of 1,000', batch: 1000 },
    profile: { ...base, name: 'batches of 100, profiled', batch: 100, profile: true },
    baseline: { ...base, name: 'the ordinary way, batches of 100', batch: 100, subject: 'baseline' },
    queries: { ...base, name: 'batches of 100, half load, with questions', batch: 100, ask: true },
  };
}

function readMachine(clickhouse: string): Machine {
  const git = (...words: string[]) => execFileSync('git', words, { encoding: 'utf8' }).trim();
  let commit = 'unknown';
  try {
    commit =
      git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', 'src') ? ' and changes' : '');
  } catch {
    // Not a checkout, such as an installed package.
  }
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${systemName()} ${release()}`,
    node: process.version,
    clickhouse,
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    commit,
  };
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function runOne(scenario: Scenario): Promise<Outcome> {
  say(`${scenario.name}: ${scenario.warmSeconds} s of warm-up, ${scenario.seconds} s …`);
  const outcome = await runScenario(scenario);
  const { all, service, clickhouse, broker, generator } = microsPerEvent(outcome);
  const rate = Math.round(outcome.acknowledged / outcome.seconds).toLocaleString('en-US');
  const parts = [service, clickhouse, broker, generator].map((micros) => micros.toFixed(2)).join(' + ');
  const { lost, doubled } = outcome.verdict;
  say(`  ${rate} events/s, ${all.toFixed(2)} us (${parts}), lost ${lost}, duplicates ${doubled}`);
  for (const [status, count] of Object.entries(outcome.report.statuses))
    if (status !== '202')
      say(`  !! ${count} requests were answered ${status === '0' ? 'not at all' : status}`);
  for (const { name, statuses, path } of outcome.questions)
    if (statuses[404]) say(`  !! SKIPPED: nobody answers "${name}" (${path})`);
  return outcome;
}

async function runAll(names: readonly string[], seconds: number, rate: number | null): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let reached: number | null = null;
  for (const name of names) {
    const scenario = scenarios(seconds)[name]!;
    const half = rate ?? (reached === null ? HALF_LOAD : Math.round(reached / 2));
    const outcome = await runOne(
      name === 'queries' ? { ...scenario, rate: half, connections: 64 } : scenario,
    );
    if (name === '100') reached = outcome.acknowledged / outcome.seconds;
    outcomes.push(outcome);
  }
  return outcomes;
}

async function runDashboards(sizes: readonly number[], rate: number, seconds: number): Promise<void> {
  const outcomes: DashboardOutcome[] = [];
  for (const millions of sizes)
    outcomes.push(await runDashboard({ events: millions * 1e6, rate, seconds }, say));
  const report = renderDashboards(readMachine(outcomes[0]!.clickhouse), outcomes);
  writeFileSync(fileURLToPath(new URL('./results-dashboard.md', import.meta.url)), report);
  process.stdout.write(`\n${report}`);
  if (outcomes.some(({ verdict }) => verdict.lost > 0 || verdict.doubled > 0)) process.exitCode = 1;
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    only: { type: 'string' },
    rate: { type: 'string' },
    sustain: { type: 'string' },
    scaling: { type: 'string' },
    dashboard: { type: 'string' },
    profile: { type: 'boolean', default: false },
    log: { type: 'string', default: 'local' },
    help: { type: 'boolean' },
  },
});
const known = Object.keys(scenarios(1)).sort((a, b) => Number(a === 'queries') - Number(b === 'queries'));
const names = values.only?.split(',') ?? known;
const unknown = names.filter((name) => !known.includes(name));
const rate = values.rate === undefined ? null : Number(values.rate);
const logs = ['local', 'kafka'];
const sizes = values.dashboard?.split(',').map(Number) ?? [];
if (
  values.help ||
  sizes.some((size) => !(size > 0)) ||
  !logs.includes(values.log) ||
  unknown.length > 0 ||
  !(Number(values.seconds) > 0) ||
  rate === 0 ||
  Number.isNaN(rate)
) {
  say(unknown.length > 0 ? `There is no scenario '${unknown.join("', '")}'.\n\n${HELP}` : HELP);
  process.exitCode = values.help ? 0 : 2;
} else if (sizes.length > 0) {
  await runDashboards(sizes, rate ?? DASHBOARD_RATE, Number(values.seconds));
} else {
  const sustained: Scenario = {
    ...plain,
    name: `sustained, batches of 100 at ${(rate ?? SUSTAINED_RATE).toLocaleString('en-US')}/s`,
    batch: 100,
    connections: 16,
    rate: rate ?? SUSTAINED_RATE,
    seconds: Number(values.sustain),
    profile: values.profile,
  };
  const scalingSeconds = Number(values.scaling ?? (values.log === 'kafka' ? SCALING_SECONDS : 0));
  const scaling = scalingSeconds > 0 ? await runScaling(scalingSeconds, say) : [];
  let outcomes: Outcome[] = [];
  if (values.sustain !== undefined) outcomes = [await runOne(sustained)];
  else if (values.scaling === undefined || values.log === 'kafka')
    outcomes = await runAll(names, Number(values.seconds), rate);
  if (values.log === 'kafka') {
    // In the same run, so that the ratio is safe.
    const beside = outcomes.map(({ scenario }) => scenario).filter(({ subject }) => subject === 'service');
    for (const scenario of beside)
      outcomes.push(await runOne({ ...scenario, log: 'kafka', name: `${scenario.name}, on Kafka` }));
  }
  const report = renderReport(readMachine([...outcomes, ...scaling][0]!.clickhouse), outcomes, scaling);
  const file = scaling.length > 0 || values.log === 'kafka' ? './results-kafka.md' : './results.md';
  writeFileSync(fileURLToPath(new URL(file, import.meta.url)), report);
  process.stdout.write(`\n${report}`);
  const isWrong = ({ lost, doubled }: Verdict) => lost > 0 || doubled > 0;
  const ours = outcomes.filter(({ scenario }) => scenario.subject === 'service');
  if (
    [...ours, ...scaling].some(({ verdict }) => isWrong(verdict)) ||
    outcomes.some((o) => o.verdict.lost > 0)
  )
    process.exitCode = 1;
}
