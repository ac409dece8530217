/**
 * What the API says against the oracle, over random histories: rows arrive in several parts, some late, buckets are
 * recomputed at random moments and in part, and after every step every kind of question has to have the right answer.
 * ORACLE_ROUNDS sets how many histories (default 6), ORACLE_SEED where they begin.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainVideo } from '../contract/catalog.ts';
import { addDays, type Interval } from '../oracle/calendar.ts';
import { type Dimension, dimensions, type Filter } from '../oracle/dimensions.ts';
import { generateHistory, type History, isBot, timezones } from '../oracle/history.ts';
import { createOracle, type Metric, metricNames, type Oracle, type Series } from '../oracle/oracle.ts';
import { createRandom, type Random } from '../oracle/random.ts';
import { rowOf } from './rows.ts';
import { type QueryService, startQueryService } from './service.ts';
import { startShardedQueryService } from './sharded-service.ts';

const ROUNDS = Number(process.env.ORACLE_ROUNDS ?? 6);
const SEED = Number(process.env.ORACLE_SEED ?? 1);
const VIEW_METRICS: readonly Metric[] = ['views', 'viewers', 'watch_time_seconds', 'completion_rate'];

function close(actual: number, expected: number, what: string): void {
  const scale = Math.max(1, Math.abs(expected));
  assert.ok(Math.abs(actual - expected) <= 1e-9 * scale, `${what}: ${actual}, the oracle says ${expected}`);
}

interface Answer {
  series: Series[];
  truncated?: boolean;
}

const keyOf = ({ group }: Series) => JSON.stringify(Object.entries(group));

function compareSeries(actual: readonly Series[], expected: readonly Series[], what: string): void {
  const byKey = new Map(actual.map((series) => [keyOf(series), series]));
  assert.deepEqual([...byKey.keys()].sort(), expected.map(keyOf).sort(), `${what}: groups`);
  const totals = actual.map((series) => series.total);
  assert.deepEqual(
    totals,
    totals.toSorted((a, b) => b - a),
    `${what}: order`,
  );
  for (const series of expected) {
    const answered = byKey.get(keyOf(series))!;
    close(answered.total, series.total, `${what} ${keyOf(series)} total`);
    assert.deepEqual(
      answered.points.map((p) => p.time),
      series.points.map((p) => p.time),
      `${what} times`,
    );
    for (const [i, point] of series.points.entries()) {
      close(answered.points[i]!.value, point.value, `${what} ${keyOf(series)} ${point.time}`);
    }
  }
}

interface World {
  readonly service: QueryService;
  readonly random: Random;
  readonly history: History;
  /** What is asked for as app_id: the history's own, so that histories share a database. */
  readonly apps: string;
}

function randomRange(
  { random, history }: World,
  oracle: Oracle,
): { from: number | string; to: number | string } {
  if (random.chance(0.3)) return { from: history.startDate, to: history.endDate };
  // Bounds close to what happens: most moments of a history lie in empty buckets.
  if (oracle.events.length > 0 && random.chance(0.7)) {
    const near = () => random.pick(oracle.events).at + random.pick([0, 1, 90_000, -90_000]);
    const [from, to] = [near(), near()].sort((a, b) => a - b);
    return { from: from!, to: to! };
  }
  const first = Date.parse(`${history.startDate}T00:00:00Z`);
  const spanMs = Date.parse(`${history.endDate}T00:00:00Z`) - first;
  const step = random.pick([1, 60_000, 300_000, 3_600_000]);
  const moments = [0, 1]
    .map(() => Math.floor((first + random.next() * spanMs) / step) * step)
    .sort((a, b) => a - b);
  return { from: moments[0]!, to: moments[1]! };
}

/** No more than some hundred points, so that the oracle stays quick. */
function randomInterval(random: Random, from: number | string, to: number | string): Interval | undefined {
  const ms = (moment: number | string) => (typeof moment === 'number' ? moment : Date.parse(moment));
  const days = (ms(to) - ms(from)) / 86_400_000;
  const fitting: (Interval | undefined)[] = [undefined, '1d', '1w', '1mo'];
  if (days <= 20) fitting.push('1h', '1h');
  if (days <= 1) fitting.push('5m', '5m');
  if (days <= 0.3) fitting.push('1m');
  return random.pick(fitting);
}

function randomFilters({ random, history }: World): Filter[] {
  if (random.chance(0.5)) return [];
  const video = random.pick(history.videos);
  const all: Filter[] = [
    { field: 'video_id', op: 'eq', value: video },
    { field: 'video_id', op: 'in', value: history.videos.slice(0, 2) },
    { field: 'video_id', op: 'ne', value: video },
    { field: 'app_id', op: 'eq', value: random.pick(history.apps) },
    { field: 'event_name', op: 'in', value: ['video_start', 'view_end', 'page_view'] },
    { field: 'event_name', op: 'contains', value: 'video' },
    { field: 'country', op: 'eq', value: 'DE' },
    { field: 'country', op: 'ne', value: 'NP' },
    { field: 'device', op: 'contains', value: 't' },
    { field: 'user_id', op: 'ne', value: '' },
    { field: 'session_id', op: 'contains', value: '1' },
    { field: 'properties.watch_ms', op: 'gt', value: 600 },
    { field: 'properties.completed', op: 'eq', value: true },
    { field: 'properties.watch_ms', op: 'lt', value: 5000 },
    { field: 'properties.completed', op: 'ne', value: true },
  ];
  return Array.from({ length: 1 + random.below(2) }, () => random.pick(all));
}

async function checkMetric(world: World, oracle: Oracle, metric: Metric, bots: boolean): Promise<void> {
  const { service, random } = world;
  const { from, to } = randomRange(world, oracle);
  const timezone = random.pick([...timezones, world.history.timezone, '+05:45', '-03:30']);
  const interval = randomInterval(random, from, to);
  const groupBy = random.pick<Dimension[]>([
    [],
    [],
    [random.pick(dimensions)],
    ['video_id'],
    ['event_name'],
    ['app_id', random.pick(dimensions.slice(1))],
  ]);
  const filters = randomFilters(world);
  const query = {
    metric,
    from: typeof from === 'number' ? new Date(from).toISOString() : from,
    to: typeof to === 'number' ? new Date(to).toISOString() : to,
    timezone,
    app_id: world.apps,
    ...(interval && { interval }),
    ...(groupBy.length > 0 && { group_by: groupBy.join(',') }),
    filter: filters.map(({ field, op, value }) => `${field}:${op}:${String(value)}`),
    limit: '1000',
    ...(bots && { bots: 'true' }),
    ...(random.chance(0.2) && { exact: 'true' }),
  };
  const answer = await service.get<Answer>('/metrics', query);
  const apps = world.history.apps;
  const expected = oracle
    .metrics({ metric, from, to, timezone, apps, groupBy, filters, ...(interval && { interval }) })
    // The API leaves out groups in which nothing was counted.
    .filter((series) => groupBy.length === 0 || VIEW_METRICS.includes(metric) || series.total > 0);
  compareSeries(answer.series, expected, JSON.stringify(query));
}

async function checkVideo(world: World, oracle: Oracle, bots: boolean): Promise<void> {
  const { service, random, history } = world;
  const video = random.pick([...history.videos, 'none']);
  const whole = random.chance(0.5);
  const startDate = whole ? history.startDate : addDays(history.startDate, random.below(5));
  const endDate = whole ? history.endDate : addDays(startDate, random.below(4));
  const timezone = random.pick([...timezones, history.timezone]);
  const query = { startDate, endDate, timezone, app_id: world.apps, ...(bots && { bots: 'true' }) };
  const answer = await service.get<Record<string, unknown>>(
    `/api/metrics/video/${encodeURIComponent(video)}`,
    query,
  );
  const expected = oracle.videoMetrics(video, startDate, endDate, timezone, history.apps);
  for (const [name, value] of Object.entries(expected)) {
    const what = `${video} ${JSON.stringify(query)} ${name}`;
    if (typeof value === 'number') close(answer[name] as number, value, what);
    else assert.equal(answer[name], value, what);
  }
}

async function checkAll(world: World, deliveries: History['deliveries']): Promise<void> {
  const options = { durations: world.history.durations, isBot };
  const oracle = createOracle(deliveries, options);
  const withBots = createOracle(deliveries, { ...options, bots: true });
  for (const metric of metricNames) {
    const bots = world.random.chance(0.15);
    await checkMetric(world, bots ? withBots : oracle, metric, bots);
  }
  await checkVideo(world, oracle, false);
  await checkVideo(world, withBots, true);
}

async function replay(service: QueryService, seed: number): Promise<void> {
  const random = createRandom(seed);
  const history = generateHistory(seed, { prefix: `h${seed}-`, sharedActors: random.chance(0.3) });
  const world = { service, random, history, apps: history.apps.join(',') };
  const videos = Object.entries(history.durations).map(([video_id, ms]) => ({
    ...plainVideo,
    video_id,
    duration_seconds: ms / 1000,
  }));
  await service.catalog.videos.upsert(videos);
  const steps = 1 + random.below(4);
  let sent = 0;
  for (let step = 1; step <= steps; step++) {
    const until = Math.ceil((history.deliveries.length * step) / steps);
    const deliveries = history.deliveries.slice(0, until);
    const stored = createOracle(deliveries, { isBot }).accepted.events.filter((e) => e.order >= sent);
    sent = until;
    await service.insert(stored.map(rowOf));
    if (random.chance(0.6)) await checkAll(world, deliveries);
    // Some rounds do a bucket or two, some all of them, some none.
    const recompute = service.recompute(random.pick([1, 20, 1_000_000]));
    for (let rounds = random.below(4); rounds > 0; rounds--) await recompute.round();
    await checkAll(world, deliveries);
  }
}

async function replayAll(service: QueryService, rounds: number): Promise<void> {
  for (let seed = SEED; seed < SEED + rounds; seed++) {
    try {
      await replay(service, seed);
    } catch (error) {
      throw new Error(`ORACLE_SEED=${seed} ORACLE_ROUNDS=1: ${(error as Error).message}`, { cause: error });
    }
  }
}

test('the API agrees with the oracle at every moment', { timeout: 3_600_000 }, async (t) => {
  await replayAll(await startQueryService(t), ROUNDS);
});

test('so it does where rows lie on three shards, and some views on several', {
  timeout: 3_600_000,
}, async (t) => {
  const service = await startShardedQueryService(t, 3);
  await replayAll(service, Math.ceil(ROUNDS / 2));
  const [split] = await service.store.select<{ views: number }>(
    'SELECT uniqExact(view_id) AS views FROM split_views',
  );
  assert.ok(split!.views > 0, 'there were views on several shards');
});
