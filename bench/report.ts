import { readProfile, type StageTimes } from './profile.ts';
import { SCALING_PARTITIONS, type ScalingStep } from './scaling.ts';
import type { Outcome } from './scenario.ts';

/** Outcomes as Markdown. */

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly clickhouse: string;
  readonly date: string;
  readonly commit: string;
}

/** The least that the service must do, load generator included. */
const FLOOR = { eventsPerSecond: 100_000, lagSeconds: 5, microsPerEvent: 12 };

const FOREGROUND = ['HTTPHandler', 'QueryPipelineEx', 'ThreadPool', 'QueryPullPipeEx', 'QueryPushPipeEx'];

export function renderReport(
  machine: Machine,
  outcomes: readonly Outcome[],
  scaling: readonly ScalingStep[] = [],
): string {
  const sections = [
    `# Benchmark\n\n${renderMachine(machine)}`,
    outcomes.length === 0 ? '' : renderScenarios(outcomes),
    ...outcomes.map(renderFloor),
    renderRatio(outcomes),
    ...outcomes.filter(({ scenario }) => scenario.profile).map(renderStages),
    ...outcomes.filter(({ questions }) => questions.length > 0).map(renderQuestions),
    renderScaling(scaling),
    renderNotes(),
  ];
  return `${sections.filter((text) => text !== '').join('\n\n')}\n`;
}

export function renderMachine(machine: Machine): string {
  const { cpu, cores, memoryGiB, kernel, node, clickhouse, date, commit } = machine;
  return [
    `${cores} cores of ${cpu}, ${memoryGiB} GiB, ${kernel}; Node ${node}, ClickHouse ${clickhouse}; ${date}, commit ${commit}.`,
    'The load generator and ClickHouse run on the same cores. Absolute numbers belong to this machine and to what its',
    'neighbours did meanwhile; CPU per event and ratios within one run are the safe part.',
  ].join('\n');
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

const fixed = (value: number, digits: number) => value.toFixed(digits);
const whole = (value: number) => Math.round(value).toLocaleString('en-US');
const seconds = (ms: number | undefined) => (ms === undefined ? '' : fixed(ms / 1000, 2));

/** Microseconds of CPU per event: service, broker and ClickHouse for what was stored, the generator for what it sent. */
export function microsPerEvent(outcome: Outcome) {
  const { cpu, stored, acknowledged } = outcome;
  const service = (cpu.service * 1e6) / stored;
  const clickhouse = (cpu.clickhouse * 1e6) / stored;
  const broker = (cpu.broker * 1e6) / stored;
  const generator = (cpu.generator * 1e6) / acknowledged;
  return { service, clickhouse, broker, generator, all: service + clickhouse + broker + generator };
}

function renderScenarios(outcomes: readonly Outcome[]): string {
  const head = [
    'scenario',
    'events/s',
    'CPU us/event',
    'service',
    'ClickHouse',
    'Kafka broker',
    'generator',
    'ack p50 ms',
    'p99 ms',
    'freshness p95 s',
    'lag max s',
    'RSS MiB service + ClickHouse',
    'events checked',
    'lost',
    'duplicates',
  ];
  const rows = outcomes.map((outcome) => {
    const micros = microsPerEvent(outcome);
    const { report, verdict, rssMiB, scenario } = outcome;
    return [
      scenario.name,
      whole(outcome.acknowledged / outcome.seconds),
      `**${fixed(micros.all, 1)}**`,
      fixed(micros.service, 2),
      fixed(micros.clickhouse, 2),
      scenario.log === 'kafka' ? fixed(micros.broker, 2) : '',
      fixed(micros.generator, 2),
      fixed(report.ack.p50, 1),
      fixed(report.ack.p99, 1),
      seconds(outcome.freshness?.p95),
      scenario.subject === 'baseline' ? '' : fixed(outcome.lagSeconds, 1),
      `${whole(rssMiB.service)} + ${whole(rssMiB.clickhouse)}`,
      whole(verdict.rows),
      String(verdict.lost),
      scenario.subject === 'baseline' ? `${whole(verdict.doubled)} (knows none)` : String(verdict.doubled),
    ];
  });
  return `## Ingest, end to end\n\n${table(head, rows)}`;
}

function renderFloor(outcome: Outcome): string {
  if (!outcome.scenario.name.startsWith('sustained')) return '';
  const { all } = microsPerEvent(outcome);
  const rate = outcome.acknowledged / outcome.seconds;
  const checks = [
    ['events/s', rate >= FLOOR.eventsPerSecond * 0.995, `${whole(rate)} of ${whole(FLOOR.eventsPerSecond)}`],
    [
      'lag',
      outcome.lagSeconds < FLOOR.lagSeconds,
      `${fixed(outcome.lagSeconds, 1)} s, under ${FLOOR.lagSeconds} s wanted`,
    ],
    [
      'CPU',
      all <= FLOOR.microsPerEvent,
      `${fixed(all, 1)} us an event, at most ${FLOOR.microsPerEvent} wanted`,
    ],
    ['loss', outcome.verdict.lost === 0, String(outcome.verdict.lost)],
    ['duplicates', outcome.verdict.doubled === 0, String(outcome.verdict.doubled)],
  ] as const;
  const lines = checks.map(
    ([name, held, detail]) => `- ${name}: ${held ? 'held' : '**not held**'} (${detail})`,
  );
  return `## Floor, ${fixed(outcome.seconds, 0)} s\n\n${lines.join('\n')}`;
}

/** The ordinary way against ours, at the same size of request. */
function renderRatio(outcomes: readonly Outcome[]): string {
  const baseline = outcomes.find(({ scenario }) => scenario.subject === 'baseline');
  const ours = outcomes.find(
    ({ scenario }) =>
      scenario.subject === 'service' &&
      scenario.batch === baseline?.scenario.batch &&
      scenario.rate === null &&
      !scenario.profile,
  );
  if (!baseline || !ours) return '';
  const theirs = microsPerEvent(baseline);
  const mine = microsPerEvent(ours);
  const whole = (theirs.service + theirs.clickhouse) / (mine.service + mine.clickhouse);
  return [
    '## Against the ordinary way',
    '',
    `Fastify, JSON.parse, a batch in memory and JSONEachRow cost ${fixed(theirs.service + theirs.clickhouse, 1)} us of CPU an event`,
    `(service ${fixed(theirs.service, 1)}, ClickHouse ${fixed(theirs.clickhouse, 1)}); Sluice costs ${fixed(mine.service + mine.clickhouse, 1)}`,
    `(service ${fixed(mine.service, 1)}, ClickHouse ${fixed(mine.clickhouse, 1)}): **ratio ${fixed(whole, 2)}**, of the service alone ${fixed(theirs.service / mine.service, 2)}.`,
    'The ordinary way is neither durable nor free of duplicates, knows ten columns, and recomputes nothing.',
  ].join('\n');
}

function renderStages(outcome: Outcome): string {
  const times = readProfile(outcome.profile!);
  const rows = [...serviceStages(outcome, times), ...clickhouseStages(outcome)];
  const functions = times.functions
    .slice(0, 25)
    .map(({ name, stage, micros }) => [`\`${name}\``, stage, `${fixed((100 * micros) / times.busy, 1)} %`]);
  const steps = outcome.steps.map((step) => {
    const cost = outcome.grown('analytics_pipeline_step_seconds_sum', { step }) * 1e6;
    return [step, fixed(cost / outcome.stored, 3)];
  });
  return [
    `## CPU by stage (${outcome.scenario.name})`,
    table(['stage', 'us/event'], rows),
    renderCollections(outcome),
    '### Steps of the pipeline, wall time',
    table(['step', 'us/event'], steps),
    "### Functions that took most of the service's main thread",
    table(['function', 'stage', 'share'], functions),
  ].join('\n\n');
}

/** Why the collector ran: many major ones with few minor ones are buffers, not objects. */
function renderCollections({ grown, stored }: Outcome): string {
  const kinds = ['minor', 'major', 'incremental'].map((kind) => {
    const count = grown('nodejs_gc_duration_seconds_count', { kind });
    const micros = grown('nodejs_gc_duration_seconds_sum', { kind }) * 1e6;
    return `${kind} ${fixed((count * 1e6) / stored, 0)} (${fixed(micros / stored, 2)} us of wall time an event)`;
  });
  return `Garbage collections per million events: ${kinds.join(', ')}.`;
}

/** The kernel's account of the threads, and the profile's of what the main thread did. */
function serviceStages({ threads, stored }: Outcome, { byStage, busy }: StageTimes): string[][] {
  const micros = (name: string) => ((threads.service.get(name) ?? 0) * 1e6) / stored;
  const main = micros('node-MainThread');
  const rows = [...byStage].map(([stage, time]) => [stage, fixed((main * time) / busy, 2)]);
  const named = ['node-MainThread', 'libuv-worker', 'node-V8Worker'];
  const others = [...threads.service.keys()].filter((name) => !named.includes(name));
  return [
    ...rows,
    ['log: writes and fsync (thread pool)', fixed(micros('libuv-worker'), 2)],
    ['garbage collection, compilation (helper threads)', fixed(micros('node-V8Worker'), 2)],
    [
      'other threads of the service',
      fixed(
        others.reduce((sum, name) => sum + micros(name), 0),
        2,
      ),
    ],
  ];
}

function clickhouseStages(outcome: Outcome): string[][] {
  const { threads, stored, serverGrown, grown } = outcome;
  const micros = (name: string) => ((threads.clickhouse.get(name) ?? 0) * 1e6) / stored;
  const sum = (names: Iterable<string>) => [...names].reduce((total, name) => total + micros(name), 0);
  const foreground = sum(FOREGROUND);
  const merges = micros('MergeMutate');
  const inserts = serverGrown('InsertQueryTimeMicroseconds');
  const queries = serverGrown('SelectQueryTimeMicroseconds');
  // The recompute is INSERT … SELECT, and some reads before it.
  const recompute = Math.min(inserts, grown('analytics_recompute_seconds_sum') * 1e6);
  const total = Math.max(1, inserts + queries);
  const share = (part: number) => fixed((foreground * part) / total, 2);
  return [
    ['ClickHouse: insert', share(inserts - recompute)],
    ['ClickHouse: recompute', share(recompute)],
    ['ClickHouse: queries and look-ups', share(queries)],
    ['ClickHouse: merges', fixed(merges, 2)],
    ['ClickHouse: other background', fixed(sum(threads.clickhouse.keys()) - foreground - merges, 2)],
  ];
}

function renderQuestions({ questions, scenario, acknowledged, seconds }: Outcome): string {
  const rows = questions.map(({ name, asked, p50, p95, statuses }) => {
    const refused = Object.entries(statuses).filter(([status]) => status !== '200');
    const note = refused.map(([status, count]) => `${status} x ${count}`).join(', ');
    return [name, whole(asked), asked === 0 ? '' : fixed(p50, 1), asked === 0 ? '' : fixed(p95, 1), note];
  });
  return [
    `## Questions while ingesting (${scenario.name}, ${whole(acknowledged / seconds)} events/s, 20 callers at once)`,
    table(['question', 'answers', 'p50 ms', 'p95 ms', 'refused'], rows),
  ].join('\n\n');
}

function renderScaling(steps: readonly ScalingStep[]): string {
  if (steps.length === 0) return '';
  const perCpu = ({ events, cpu }: ScalingStep) => events / cpu.pipelines;
  const rows = steps.map((step) => {
    const { processes, events, seconds, cpu, verdict } = step;
    const micros = (spent: number) => fixed((spent * 1e6) / events, 2);
    return [
      String(processes),
      whole(perCpu(step)),
      fixed(perCpu(step) / perCpu(steps[0]!), 2),
      whole(events / seconds),
      micros(cpu.clickhouse),
      micros(cpu.broker),
      whole(verdict.rows),
      String(verdict.lost),
      String(verdict.doubled),
    ];
  });
  const head = [
    'pipeline processes',
    'events per CPU-second of them',
    'to one',
    'events/s',
    'ClickHouse us/event',
    'Kafka broker us/event',
    'events checked',
    'lost',
    'duplicates',
  ];
  return `## More processes, ${SCALING_PARTITIONS} partitions of Kafka, one machine\n\n${table(head, rows)}`;
}

function renderNotes(): string {
  return [
    '## How it is measured',
    '',
    '- CPU: user and system time of all threads as the kernel charged it (`/proc`), from the start of the window until all was stored, over the events stored meanwhile; the generator over what was acknowledged in the window. Merges that come later are not in it.',
    '- Scenarios without a rate send as fast as answers come (closed loop), so their latencies are those of a saturated machine. With a rate the loop is open: latency counts from the moment at which the request should have been sent (its timer ticks in ms).',
    '- Freshness: from receipt until ClickHouse took the block (`inserted_at`); it is readable one insert later. Lag: the age of the oldest event of a block when it was stored, looked at every second.',
    '- 2 % of the events are late by minutes; 1 % are sent again, half of them alone and half as whole requests. Lost: acknowledged distinct ids that are not in ClickHouse. Duplicates: rows beyond one per id.',
    "- Stages of the service: a CPU profile of its main thread (1 ms) by file, scaled to that thread's CPU. `native` is V8's `(program)`: system calls and the event loop outside of JavaScript.",
    "- ClickHouse: merges are its merge threads; its query threads are divided by the server's own wall times for inserts and selects, and the recompute's by the service's clock.",
  ].join('\n');
}
