/**
 * What a funnel says against a count by brute force: random rows of several actors and apps, inserted out of order, random
 * funnels, every run of every actor looked at. ORACLE_ROUNDS sets how many (default 12), ORACLE_SEED where they begin.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunnelDefinition, FunnelFilter } from '../../src/catalog/funnels.ts';
import { createRandom, type Random } from '../oracle/random.ts';
import { bruteRun } from './funnels/brute.ts';
import { type QueryService, startQueryService, type TestRow } from './service.ts';
import { startShardedQueryService } from './sharded-service.ts';

const ROUNDS = Number(process.env.ORACLE_ROUNDS ?? 12);
const SEED = Number(process.env.ORACLE_SEED ?? 1);
const START = Date.UTC(2026, 2, 29);
const second = 1_000;

type Row = TestRow & {
  readonly app_id: string;
  readonly event_name: string;
  readonly properties: string;
  readonly log_topic: string;
  readonly log_partition: number;
  readonly log_offset: number;
  readonly log_index: number;
};

const NAMES = ['visit', 'search', 'play', 'buy', 'noise'];

function randomRows(random: Random, prefix: string): Row[] {
  const actors = Array.from({ length: 1 + random.below(5) }, (_, i) => {
    const kind = random.below(4);
    return {
      ...(kind < 2 && { user_id: `u${i}` }),
      ...(kind === 1 || kind === 2 ? { anonymous_id: `a${i}` } : {}),
      ...(kind === 3 && { session_id: `only${i}` }),
      sessions: random.below(3),
      bot: random.chance(0.1),
    };
  });
  return Array.from({ length: random.below(50) }, (_, n): Row => {
    const i = random.below(actors.length);
    const { sessions, bot, ...ids } = actors[i]!;
    const properties: Record<string, unknown> = {};
    if (random.chance(0.7)) properties.amount = random.pick<unknown>([1, 5, 9.5, '5', 'many', true]);
    if (random.chance(0.3)) properties.deep = { color: random.pick(["r'ed", 'blue']) };
    return {
      app_id: prefix + random.pick(['tube', 'tube', 'kids']),
      event_name: random.pick(NAMES),
      timestamp: START + random.below(40) * second + random.pick([0, 0, 0, 1]),
      ...ids,
      ...(sessions > 0 && { session_id: `s${i}-${random.below(sessions)}` }),
      country: random.pick(['DE', 'NP', '']),
      is_bot: bot,
      properties: random.chance(0.1) ? '' : JSON.stringify(properties),
      log_topic: random.pick(['analytics.v1@a', 'analytics.v1@b']),
      log_partition: random.below(2),
      log_offset: random.chance(0.3) ? 7 : n,
      log_index: n,
    };
  });
}

function randomFilters(random: Random): FunnelFilter[] {
  const all: FunnelFilter[] = [
    { field: 'country', op: 'eq', value: 'DE' },
    { field: 'country', op: 'in', value: ['DE', 'NP'] },
    { field: 'properties.amount', op: 'gt', value: 4 },
    { field: 'properties.amount', op: 'lt', value: '6' },
    { field: 'properties.amount', op: 'ne', value: 5 },
    { field: 'properties.amount', op: 'in', value: [1, 'many', true] },
    { field: 'properties.deep.color', op: 'contains', value: "'e" },
  ];
  return random.chance(0.25) ? [random.pick(all)] : [];
}

function randomFunnel(random: Random): FunnelDefinition {
  const count = 2 + random.below(3);
  const order = random.pick(['ordered', 'ordered', 'strict', 'unordered'] as const);
  return {
    title: null,
    app_id: null,
    steps: Array.from({ length: count }, () => ({
      name: random.pick([null, 'A name']),
      event_name: random.pick(NAMES.slice(0, 3)),
      filters: randomFilters(random),
    })),
    window_seconds: random.pick([1, 6, 20, 60]),
    step_window_seconds: order !== 'unordered' && random.chance(0.4) ? random.pick([2, 5, 9]) : null,
    order,
    count_by: random.pick(['actor', 'actor', 'session']),
    exclusions: random.chance(0.4)
      ? [
          {
            event_name: random.pick(['buy', 'buy', 'search']),
            filters: randomFilters(random),
            after_step: 1,
            before_step: 2 + random.below(count - 1),
          },
        ]
      : [],
  };
}

// The oracle: rows in plain words.

function fieldOf(row: Row, field: string): unknown {
  if (!field.startsWith('properties.')) return (row as Record<string, unknown>)[field] ?? '';
  let value: unknown = row.properties === '' ? {} : JSON.parse(row.properties);
  for (const key of field.split('.').slice(1)) value = (value as Record<string, unknown> | undefined)?.[key];
  return value;
}

function passes(row: Row, { field, op, value: wanted }: FunnelFilter): boolean {
  const value = fieldOf(row, field);
  if (value === undefined) return op === 'ne';
  if (op === 'eq') return String(value) === String(wanted);
  if (op === 'ne') return String(value) !== String(wanted);
  if (op === 'in') return (wanted as unknown[]).map(String).includes(String(value));
  if (op === 'contains') return String(value).includes(String(wanted));
  return op === 'gt' ? Number(value) > Number(wanted) : Number(value) < Number(wanted);
}

const fits = (row: Row, match: { event_name: string; filters: readonly FunnelFilter[] }) =>
  row.event_name === match.event_name && match.filters.every((filter) => passes(row, filter));

const actorOf = (row: Row) => String(row.user_id ?? row.anonymous_id ?? row.session_id ?? '');

function inLogOrder(a: Row, b: Row): number {
  const place = (row: Row) => [
    row.timestamp,
    row.log_topic,
    row.log_partition,
    row.log_offset,
    row.log_index,
  ];
  const [one, other] = [place(a), place(b)];
  const at = one.findIndex((part, i) => part !== other[i]);
  return at < 0 ? 0 : one[at]! < other[at]! ? -1 : 1;
}

interface Counted {
  steps: { count: number; drop_off: number; median: number | null; start: number; previous: number }[];
  value: string;
}

function bruteFunnel(
  rows: readonly Row[],
  funnel: FunnelDefinition,
  asked: { from: number; to: number; field: string },
): { all: Counted; groups: Counted[] } {
  const people = Map.groupBy(rows, (row) =>
    funnel.count_by === 'actor'
      ? actorOf(row)
      : row.session_id === undefined
        ? ''
        : `${row.app_id} ${row.session_id}`,
  );
  people.delete('');
  const runs: { value: string; times: number[] }[] = [];
  for (const own of people.values()) {
    const events = own.filter((row) => row.timestamp >= asked.from).toSorted(inLogOrder);
    const bits = (row: Row, list: readonly { event_name: string; filters: readonly FunnelFilter[] }[]) =>
      list.reduce((mask, match, i) => mask + (fits(row, match) ? 2 ** i : 0), 0);
    // What is nothing to the funnel only matters where steps have to be consecutive.
    const looked = events.filter(
      (row) =>
        funnel.order === 'strict' || bits(row, funnel.steps) !== 0 || bits(row, funnel.exclusions) !== 0,
    );
    const run = bruteRun(
      {
        order: funnel.order,
        steps: funnel.steps.length,
        windowMs: funnel.window_seconds * second,
        stepWindowMs: funnel.step_window_seconds === null ? null : funnel.step_window_seconds * second,
        exclusions: funnel.exclusions.map((e) => ({ afterStep: e.after_step, beforeStep: e.before_step })),
        rangeMs: asked.to - asked.from,
      },
      {
        times: looked.map((row) => row.timestamp - asked.from),
        steps: looked.map((row) => bits(row, funnel.steps)),
        excluded: looked.map((row) => bits(row, funnel.exclusions)),
      },
    );
    if (run.length === 0) continue;
    const value = fieldOf(looked[run[0]!]!, asked.field);
    runs.push({
      value: value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value),
      times: run.map((p) => looked[p]!.timestamp),
    });
  }
  const count = (list: typeof runs, value = ''): Counted => ({
    value,
    steps: funnel.steps.map((_, i) => {
      const reached = (step: number) => list.filter((run) => run.times.length > step).length;
      const before = i === 0 ? reached(0) : reached(i - 1);
      const gaps = list.flatMap(({ times }) =>
        i > 0 && times.length > i ? [times[i]! - times[i - 1]!] : [],
      );
      const sorted = gaps.sort((a, b) => a - b);
      const middle = [
        sorted[Math.floor((sorted.length - 1) / 2)]!,
        sorted[Math.ceil((sorted.length - 1) / 2)]!,
      ];
      return {
        count: reached(i),
        drop_off: before - reached(i),
        median: sorted.length === 0 ? null : (middle[0]! + middle[1]!) / 2 / second,
        start: reached(0) === 0 ? 0 : reached(i) / reached(0),
        previous: before === 0 ? 0 : reached(i) / before,
      };
    }),
  });
  const groups = [...Map.groupBy(runs, (run) => run.value)].map(([value, list]) => count(list, value));
  return {
    all: count(runs),
    groups: groups.sort((a, b) => b.steps[0]!.count - a.steps[0]!.count || (a.value < b.value ? -1 : 1)),
  };
}

interface Answer {
  from: string;
  steps: Record<string, unknown>[];
  total_conversion: number;
  breakdown: { value: string; steps: Record<string, unknown>[] }[];
}

const shape = (steps: Answer['steps']): Counted['steps'] =>
  steps.map((step) => ({
    count: step.count as number,
    drop_off: step.drop_off as number,
    median: step.median_seconds_from_previous as number | null,
    start: step.conversion_from_start as number,
    previous: step.conversion_from_previous as number,
  }));

async function play(service: QueryService, seed: number, reached: number[]): Promise<void> {
  const random = createRandom(seed);
  const prefix = `p${seed}-`;
  const rows = randomRows(random, prefix);
  // They arrive in another order than they happened, in two parts.
  const shuffled = rows.toSorted((a, b) => ((a.log_index * 37) % 61) - ((b.log_index * 37) % 61));
  const half = random.below(rows.length + 1);
  await service.insert(shuffled.slice(0, half));
  await service.insert(shuffled.slice(half));
  for (let n = 0; n < 6; n++) {
    const funnel = randomFunnel(random);
    const put = await service.app.inject({ method: 'PUT', url: `/v1/funnels/f${seed}`, payload: funnel });
    assert.equal(put.statusCode, 200, put.body);
    const from = START + random.below(8) * second;
    const to = from + random.below(35) * second;
    const apps = random.pick([[`${prefix}tube`], [`${prefix}tube`, `${prefix}kids`]]);
    const bots = random.chance(0.2);
    const field = random.pick(['country', 'properties.amount', 'properties.deep.color', 'event_name']);
    const asked = { from: new Date(from).toISOString(), to: new Date(to).toISOString(), breakdown: field };
    const query = { ...asked, app_id: apps.join(','), bots: String(bots), limit: '1000' };
    const answer = await service.get<Answer>(`/v1/funnels/f${seed}`, query);
    const seen = rows.filter((row) => apps.includes(row.app_id) && (bots || row.is_bot !== true));
    const expected = bruteFunnel(seen, funnel, { from, to, field });
    const what = `${JSON.stringify(query)} ${JSON.stringify(funnel)}`;
    assert.deepEqual(shape(answer.steps), expected.all.steps, what);
    assert.deepEqual(
      answer.breakdown.map(({ value, steps }) => ({ value, steps: shape(steps) })),
      expected.groups.map(({ value, steps }) => ({ value, steps })),
      what,
    );
    assert.equal(answer.total_conversion, expected.all.steps.at(-1)!.start, what);
    const furthest = expected.all.steps.filter((step) => step.count > 0).length;
    reached[furthest] = (reached[furthest] ?? 0) + 1;
  }
}

async function playAll(service: QueryService, rounds: number): Promise<number[]> {
  const reached: number[] = [];
  for (let seed = SEED; seed < SEED + rounds; seed++) {
    try {
      await play(service, seed, reached);
    } catch (error) {
      throw new Error(`ORACLE_SEED=${seed} ORACLE_ROUNDS=1: ${(error as Error).message}`, { cause: error });
    }
  }
  return reached;
}

test('a funnel counts what a look at every run counts', { timeout: 600_000 }, async (t) => {
  const reached = await playAll(await startQueryService(t), ROUNDS);
  if (ROUNDS < 25) return;
  for (const furthest of [0, 1, 2, 3]) assert.ok(reached[furthest]! >= 5, `${reached} funnels by reach`);
});

test('so it does where the rows of an actor lie on several shards', { timeout: 600_000 }, async (t) => {
  await playAll(await startShardedQueryService(t, 3), Math.ceil(ROUNDS / 8));
});
