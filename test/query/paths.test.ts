import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom, type Random } from '../oracle/random.ts';
import { openAccess, type QueryService, startQueryApp, startQueryService, type TestRow } from './service.ts';
import { startShardedQueryService } from './sharded-service.ts';

const ROUNDS = Number(process.env.ORACLE_ROUNDS ?? 6);
const SEED = Number(process.env.ORACLE_SEED ?? 1);
const START = Date.UTC(2026, 2, 1);
const second = 1_000;

interface Answer {
  nodes: { step: number; name: string; sessions: number }[];
  links: { step: number; from: string; to: string; sessions: number }[];
}

type Row = TestRow & {
  app_id: string;
  event_name: string;
  session_id: string;
  page: string;
  log_topic: string;
  log_partition: number;
  log_offset: number;
  log_index: number;
};

interface Asked {
  readonly rows: readonly Row[];
  readonly by: 'page' | 'event';
  readonly start: string | null;
  readonly end: string | null;
  readonly depth: number;
  readonly limit: number;
}

const byPlace = (a: Row, b: Row) =>
  a.timestamp - b.timestamp ||
  (a.log_topic < b.log_topic ? -1 : a.log_topic > b.log_topic ? 1 : 0) ||
  a.log_partition - b.log_partition ||
  a.log_offset - b.log_offset ||
  a.log_index - b.log_index;

const byCount = (
  a: { step: number; sessions: number; name: string },
  b: { step: number; sessions: number; name: string },
) => a.step - b.step || b.sessions - a.sessions || (a.name < b.name ? -1 : 1);

/** Walks each session, and notes each step in a list of its own. */
function brutePaths({ rows, by, start, end, depth, limit }: Asked): Answer {
  const sessions = Map.groupBy(
    rows.filter((row) => row.session_id !== ''),
    (row) => `${row.app_id} ${row.session_id}`,
  );
  const visits: { step: number; name: string }[] = [];
  const moves: { step: number; from: string; to: string }[] = [];
  for (const own of sessions.values()) {
    const names: string[] = [];
    for (const row of own.toSorted(byPlace)) {
      if (by === 'page' && (row.event_name !== 'page_view' || row.page === '')) continue;
      const name = by === 'page' ? row.page : row.event_name;
      if (names.at(-1) !== name) names.push(name);
    }
    if (end !== null) {
      const last = names.lastIndexOf(end);
      for (let step = 1; last >= 0 && step <= depth + 1 && last - step + 1 >= 0; step++) {
        const name = names[last - step + 1]!;
        visits.push({ step, name });
        if (step > 1) moves.push({ step: step - 1, from: name, to: names[last - step + 2]! });
      }
      continue;
    }
    const first = start === null ? 0 : names.indexOf(start);
    for (let step = 1; first >= 0 && step <= depth + 1 && first + step - 1 < names.length; step++) {
      const name = names[first + step - 1]!;
      visits.push({ step, name });
      if (step > 1) moves.push({ step: step - 1, from: names[first + step - 2]!, to: name });
    }
  }
  const links = [...Map.groupBy(moves, ({ step, from, to }) => `${step}\n${from}\n${to}`)]
    .map(([key, list]) => ({ ...list[0]!, sessions: list.length, name: key }))
    .sort(byCount)
    .filter((link, i, all) => i - all.findIndex(({ step }) => step === link.step) < limit)
    .map(({ name: _, ...link }) => link);
  const joined = (step: number, name: string) =>
    links.some((link) => {
      const [near, far] = end === null ? [link.from, link.to] : [link.to, link.from];
      return (link.step === step && near === name) || (link.step === step - 1 && far === name);
    });
  const nodes = [...Map.groupBy(visits, ({ step, name }) => `${step}\n${name}`)]
    .map(([, list]) => ({ ...list[0]!, sessions: list.length }))
    .sort(byCount)
    .filter(({ step, name }, i) => (step === 1 && i < limit) || joined(step, name));
  return { nodes, links };
}

const PAGES = ['/', '/watch', '/search', "/o'ne", ''];
const NAMES = ['page_view', 'page_view', 'page_view', 'search', 'play'];

async function play(service: QueryService, random: Random, prefix: string): Promise<void> {
  const rows = Array.from({ length: random.below(120) }, (_, n): Row => {
    const session = random.below(12);
    return {
      app_id: prefix + random.pick(['tube', 'tube', 'kids']),
      event_name: random.pick(NAMES),
      timestamp: START + random.below(60) * second,
      session_id: session === 0 ? '' : `s${session}`,
      page: random.pick(PAGES),
      is_bot: session === 1,
      log_topic: random.pick(['a@1', 'b@1']),
      log_partition: random.below(2),
      log_offset: random.chance(0.4) ? 3 : n,
      log_index: n,
    };
  });
  await service.insert(rows.toSorted((a, b) => (a.log_index % 7) - (b.log_index % 7)));
  for (let n = 0; n < 6; n++) {
    const by = random.pick(['page', 'event'] as const);
    const at = random.pick(by === 'page' ? ['/', '/watch', "/o'ne", '/none'] : ['search', 'page_view']);
    const [start, end] = random.pick([
      [at, null],
      [null, at],
      [null, null],
    ] as const);
    const [from, to] = [START + random.below(20) * second, START + (30 + random.below(40)) * second];
    const apps = random.pick([[`${prefix}tube`], [`${prefix}tube`, `${prefix}kids`]]);
    const bots = random.chance(0.2);
    const [depth, limit] = [1 + random.below(6), random.pick([1, 2, 5, 200])];
    const query = {
      by,
      ...(start !== null && { start }),
      ...(end !== null && { end }),
      depth: String(depth),
      limit: String(limit),
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
      app_id: apps.join(','),
      bots: String(bots),
    };
    const { nodes, links } = await service.get<Answer>('/v1/paths', query);
    const seen = rows.filter(
      (row) =>
        apps.includes(row.app_id) &&
        (bots || row.is_bot !== true) &&
        row.timestamp >= from &&
        row.timestamp < to,
    );
    const expected = brutePaths({ rows: seen, by, start, end, depth, limit });
    assert.deepEqual({ nodes, links }, expected, JSON.stringify(query));
  }
}

async function playAll(service: QueryService, rounds: number): Promise<void> {
  for (let seed = SEED; seed < SEED + rounds; seed++) {
    try {
      await play(service, createRandom(seed), `p${seed}-`);
    } catch (error) {
      throw new Error(`ORACLE_SEED=${seed} ORACLE_ROUNDS=1: ${(error as Error).message}`, { cause: error });
    }
  }
}

test('paths are those of a walk through every session', { timeout: 600_000 }, async (t) => {
  await playAll(await startQueryService(t), ROUNDS);
});

test('so they are where the rows of a session lie on several shards', { timeout: 600_000 }, async (t) => {
  await playAll(await startShardedQueryService(t, 2), Math.ceil(ROUNDS / 6));
});

test('a small one, in numbers', async (t) => {
  const service = await startQueryService(t, { now: () => START + 3_600_000 });
  const visit = (app_id: string, session_id: string, ...pages: string[]) =>
    pages.map((page, i) => ({
      app_id,
      session_id,
      event_name: 'page_view',
      page,
      timestamp: START + i * second,
      log_offset: i,
    }));
  await service.insert([
    ...visit('tube', 's1', '/', '/', '/watch', '/', '/watch'),
    ...visit('tube', 's2', '/help', '/', '/watch'),
    ...visit('kids', 's1', '/', '/play'),
    ...visit('kids', 's2', '/'),
  ]);
  const get = async (query: string) => (await service.app.inject(`/v1/paths?${query}`)).json();
  assert.deepEqual(await get('start=/&depth=2'), {
    by: 'page',
    start: '/',
    end: null,
    from: '2026-02-23T00:00:00.000Z',
    to: '2026-03-02T00:00:00.000Z',
    nodes: [
      { step: 1, name: '/', sessions: 4 },
      { step: 2, name: '/watch', sessions: 2 },
      { step: 2, name: '/play', sessions: 1 },
      { step: 3, name: '/', sessions: 1 },
    ],
    links: [
      { step: 1, from: '/', to: '/watch', sessions: 2 },
      { step: 1, from: '/', to: '/play', sessions: 1 },
      { step: 2, from: '/watch', to: '/', sessions: 1 },
    ],
  });
  const back = await get('end=/watch&depth=1&app_id=tube');
  assert.deepEqual(back.links, [{ step: 1, from: '/', to: '/watch', sessions: 2 }]);

  const own = await startQueryApp(t, { ...service.options, access: openAccess({ apps: ['kids'] }) });
  const seen = (await own.inject('/v1/paths?start=/')).json<Answer>();
  assert.deepEqual(seen.links, [{ step: 1, from: '/', to: '/play', sessions: 1 }]);
  const foreign = await own.inject('/v1/paths?app_id=tube');
  assert.deepEqual([foreign.statusCode, foreign.json().code], [403, 'app_forbidden']);
  for (const query of ['start=/&end=/', 'by=video', 'depth=0', 'depth=21', 'limit=201', 'start=', 'to=x']) {
    const refused = await service.app.inject(`/v1/paths?${query}`);
    assert.deepEqual([refused.statusCode, refused.json().code], [400, 'invalid_request'], query);
  }
});
