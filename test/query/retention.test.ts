import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addDays, bucketStart, type Interval, localDate, startOfDate } from '../oracle/calendar.ts';
import { createRandom, type Random } from '../oracle/random.ts';
import { openAccess, type QueryService, startQueryApp, startQueryService, type TestRow } from './service.ts';
import { startShardedQueryService } from './sharded-service.ts';

const ROUNDS = Number(process.env.ORACLE_ROUNDS ?? 6);
const SEED = Number(process.env.ORACLE_SEED ?? 1);
const hour = 3_600_000;
const day = 24 * hour;

interface Answer {
  unit: string;
  cohorts: { date: string; size: number; returned: (number | null)[] }[];
}

type Row = TestRow & { app_id: string; event_name: string };
const actorOf = (row: Row) => String(row.user_id ?? row.anonymous_id ?? row.session_id ?? '');

interface Asked {
  readonly rows: readonly Row[];
  readonly zone: string;
  readonly unit: 'day' | 'week' | 'month';
  readonly from: number;
  readonly to: number;
  readonly periods: number;
  readonly now: number;
  readonly first: string | null;
  readonly back: string | null;
}

const INTERVAL = { day: '1d', week: '1w', month: '1mo' } as const satisfies Record<string, Interval>;

/** Walks from date to date, and looks at each actor. */
function bruteRetention({ rows, zone, unit, from, to, periods, now, first, back }: Asked): Answer['cohorts'] {
  const startAt = (at: number) => bucketStart(zone, at, INTERVAL[unit]);
  const next = (start: number) => {
    const date = localDate(zone, start);
    const days = unit === 'day' ? 1 : unit === 'week' ? 7 : 31;
    return startAt(startOfDate(zone, addDays(unit === 'month' ? `${date.slice(0, 7)}-01` : date, days)));
  };
  const people = Map.groupBy(rows, actorOf);
  people.delete('');
  const cohorts: Answer['cohorts'] = [];
  for (let start = startAt(from); start < to; start = next(start)) {
    const members = [...people.values()].flatMap((own) => {
      const moments = own
        .filter((row) => first === null || row.event_name === first)
        .map((row) => row.timestamp)
        .filter((at) => at >= from && at < to);
      const began = Math.min(...moments);
      return moments.length > 0 && startAt(began) === start ? [{ own, began }] : [];
    });
    const returned: (number | null)[] = [];
    for (let k = 0, period = start; k <= periods; k++, period = next(period)) {
      const came = members.filter(({ own, began }) =>
        own.some(
          (row) =>
            (back === null || row.event_name === back) &&
            row.timestamp >= began &&
            startAt(row.timestamp) === period,
        ),
      );
      returned.push(period > now ? null : came.length);
    }
    cohorts.push({ date: localDate(zone, start), size: members.length, returned });
  }
  return cohorts;
}

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  '+05:45',
  'America/St_Johns',
];
/** Clocks change near these in some of the zones. */
const MIDDLES = [Date.UTC(2026, 2, 29), Date.UTC(2026, 2, 8), Date.UTC(2025, 9, 26), Date.UTC(2026, 3, 4)];
const NAMES = ['signup', 'visit', 'visit', 'play'];

interface Clock {
  now: number;
}

async function play(service: QueryService, random: Random, prefix: string, clock: Clock) {
  const middle = random.pick(MIDDLES);
  const spread = random.pick([3, 12, 60]) * day;
  const people = 1 + random.below(12);
  const rows = Array.from({ length: random.below(80) }, (_, n): Row => {
    const person = random.below(people);
    const at = middle - spread / 2 + random.below(spread);
    return {
      app_id: prefix + random.pick(['tube', 'kids']),
      event_name: random.pick(NAMES),
      // Many lie at a full hour, where days begin.
      timestamp: random.chance(0.5) ? Math.floor(at / (hour / 2)) * (hour / 2) : at,
      ...(person % 3 === 0 && { user_id: `u${person}` }),
      ...(person % 3 === 1 && { anonymous_id: `a${person}` }),
      ...(person % 3 === 2 && person > 2 && { session_id: `s${person}` }),
      is_bot: person === 1,
      log_offset: n,
    };
  });
  await service.insert(rows.toSorted((a, b) => (Number(a.log_offset) % 7) - (Number(b.log_offset) % 7)));
  for (let n = 0; n < 5; n++) {
    const zone = random.pick(ZONES);
    const unit = random.pick(['day', 'week', 'month'] as const);
    const from = middle - random.below(spread);
    const to = middle + random.below(spread) - spread / 4;
    const [first, back] = [random.pick([null, ...NAMES]), random.pick([null, ...NAMES])];
    const apps = random.pick([[`${prefix}tube`], [`${prefix}tube`, `${prefix}kids`]]);
    const bots = random.chance(0.2);
    const periods = random.below(6);
    clock.now = middle + random.below(2 * spread) - spread / 2;
    if (from > to) continue;
    const query = {
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
      timezone: zone,
      unit,
      periods: String(periods),
      app_id: apps.join(','),
      bots: String(bots),
      ...(first !== null && { event_name: first }),
      ...(back !== null && { return_event_name: back }),
    };
    const answer = await service.get<Answer>('/v1/retention', query);
    const seen = rows.filter((row) => apps.includes(row.app_id) && (bots || row.is_bot !== true));
    const asked = { rows: seen, zone, unit, from, to, periods, now: clock.now, first, back };
    assert.deepEqual(answer.cohorts, bruteRetention(asked), JSON.stringify(query));
  }
}

const getFrom =
  (app: QueryService['app']): QueryService['get'] =>
  async (path, query = {}) => {
    const response = await app.inject({ url: path, query: query as Record<string, string> });
    assert.equal(response.statusCode, 200, response.body);
    return response.json();
  };

async function playAll(service: QueryService, clock: Clock, rounds: number): Promise<void> {
  for (let seed = SEED; seed < SEED + rounds; seed++) {
    try {
      await play(service, createRandom(seed), `r${seed}-`, clock);
    } catch (error) {
      throw new Error(`ORACLE_SEED=${seed} ORACLE_ROUNDS=1: ${(error as Error).message}`, { cause: error });
    }
  }
}

test('cohorts are those of a look at every actor', { timeout: 600_000 }, async (t) => {
  const clock = { now: 0 };
  await playAll(await startQueryService(t, { now: () => clock.now }), clock, ROUNDS);
});

test('so they are where the rows of an actor lie on several shards', { timeout: 600_000 }, async (t) => {
  const clock = { now: 0 };
  const service = await startShardedQueryService(t, 2);
  const app = await startQueryApp(t, { ...service.options, now: () => clock.now });
  await playAll({ ...service, get: getFrom(app) }, clock, Math.ceil(ROUNDS / 6));
});

test('a small one, in numbers', async (t) => {
  const now = Date.UTC(2026, 2, 4, 12);
  const service = await startQueryService(t, { now: () => now });
  const row = (
    app_id: string,
    user_id: string,
    event_name: string,
    at: number,
    more: Partial<TestRow> = {},
  ) => ({
    app_id,
    user_id,
    event_name,
    timestamp: Date.UTC(2026, 2, 1) + at * hour,
    ...more,
  });
  await service.insert([
    row('tube', 'u1', 'visit', 9),
    row('tube', 'u1', 'signup', 10),
    row('tube', 'u1', 'visit', 25),
    row('tube', 'u2', 'signup', 11),
    row('tube', 'u2', 'visit', 11),
    row('kids', 'u2', 'visit', 80),
    row('tube', 'u3', 'signup', 30),
    row('tube', 'bot', 'signup', 30, { is_bot: true }),
    row('tube', '', 'signup', 30),
  ]);
  const url = '/v1/retention?event_name=signup&periods=3&from=2026-03-01&to=2026-03-02';
  const answer = (await service.app.inject(`${url}&return_event_name=visit`)).json();
  assert.deepEqual(answer, {
    unit: 'day',
    from: '2026-03-01T00:00:00.000Z',
    to: '2026-03-03T00:00:00.000Z',
    timezone: 'UTC',
    cohorts: [
      { date: '2026-03-01', size: 2, returned: [1, 1, 0, 1] },
      { date: '2026-03-02', size: 1, returned: [0, 0, 0, null] },
    ],
  });
  const any = (await service.app.inject(url)).json<Answer>();
  assert.deepEqual(
    any.cohorts.map(({ size, returned }) => [size, returned[0]]),
    [
      [2, 2],
      [1, 1],
    ],
  );
  const defaults = (await service.app.inject('/v1/retention')).json<Answer>();
  assert.deepEqual([defaults.cohorts.length, defaults.cohorts[0]!.returned.length], [7, 8]);
  const empty = '/v1/retention?from=2026-03-01T00:00:00Z&to=2026-03-01T00:00:00Z';
  assert.deepEqual((await service.app.inject(empty)).json<Answer>().cohorts, []);

  const own = await startQueryApp(t, { ...service.options, access: openAccess({ apps: ['tube'] }) });
  const seen = (await own.inject(`${url}&return_event_name=visit`)).json<Answer>();
  assert.deepEqual(seen.cohorts[0]!.returned, [1, 1, 0, 0]);
  const foreign = await own.inject('/v1/retention?app_id=kids');
  assert.deepEqual([foreign.statusCode, foreign.json().code], [403, 'app_forbidden']);
  for (const query of [
    'unit=year',
    'periods=101',
    'periods=-1',
    'event_name=',
    'from=2020-01-01',
    'timezone=x',
  ]) {
    const refused = await service.app.inject(`/v1/retention?${query}`);
    assert.deepEqual([refused.statusCode, refused.json().code], [400, 'invalid_request'], query);
  }
  const late = await service.app.inject('/v1/retention?from=2105-12-28&to=2105-12-30&periods=20&unit=month');
  assert.equal(late.statusCode, 200, late.body);
});
