/** SQL of one's own, against the real embedded engine with its read-only user: what may be asked, and what must not be read. */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { SqlDesk } from '../../src/query/sql/desk.ts';
import { until } from '../faults/verify.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { openAccess, startQueryService } from './service.ts';

interface Answer {
  readonly columns: { name: string; type: string }[];
  readonly rows: unknown[][];
  readonly row_count: number;
  readonly truncated: boolean;
  readonly read_rows: number | null;
  readonly code?: string;
  readonly detail?: string;
}

let service: TestService;

before(async () => {
  service = await startTestService();
  const events = ['tube', 'kids', 'kids'].map((app_id, i) => ({
    event_name: i === 2 ? 'view_end' : 'video_start',
    app_id,
    user_id: `user-${app_id}`,
    session_id: `s-${app_id}`,
    video_id: `film-${app_id}`,
    timestamp: Date.now() - 3_600_000 + i,
    properties: i === 2 ? { watch_ms: 5_000 } : {},
  }));
  assert.equal((await service.post('/events', events)).status, 202);
  const { client } = service.store!;
  await until('all is stored and counted', async () => {
    const [row] = await client.select<{ n: number }>(
      `SELECT (SELECT count() FROM events) + (SELECT count() FROM views FINAL)
         + (SELECT count() FROM user_engagement_daily FINAL) AS n`,
    );
    return row!.n === 7;
  });
});
after(async () => await service?.stop());

/** The routes as a caller of these apps has them. */
async function appOf(t: TestContext, apps: readonly string[] | null): Promise<FastifyInstance> {
  const { client, adhoc } = service.store!;
  const sql = new SqlDesk({ store: client, adhoc });
  const access = openAccess({ id: `key:${apps}`, apps, scopes: ['read'] });
  return (await startQueryService(t, { sql, access })).app;
}

async function ask(app: FastifyInstance, query: string, more: object = {}, headers = {}) {
  return await app.inject({ method: 'POST', url: '/query', payload: { query, ...more }, headers });
}

async function rowsOf(app: FastifyInstance, query: string, more: object = {}): Promise<unknown[][]> {
  const answer = await ask(app, query, more);
  assert.equal(answer.statusCode, 200, `${query}: ${answer.body}`);
  return answer.json<Answer>().rows;
}

describe('what can be asked', () => {
  it('answers as JSON with exact numbers, types, and how much was read', async (t) => {
    const app = await appOf(t, null);
    const answer = (
      await ask(app, 'SELECT app_id, count() AS n FROM events GROUP BY app_id ORDER BY n')
    ).json<Answer>();
    assert.deepEqual(answer.columns, [
      { name: 'app_id', type: 'LowCardinality(String)' },
      { name: 'n', type: 'UInt64' },
    ]);
    assert.deepEqual(answer.rows, [
      ['tube', 1],
      ['kids', 2],
    ]);
    assert.deepEqual([answer.row_count, answer.truncated, answer.read_rows], [2, false, 3]);
    assert.deepEqual(
      await rowsOf(app, 'SELECT toUInt64(18446744073709551615), [9007199254740993], 1.5, 0.1 + 0.2, NULL'),
      [['18446744073709551615', ['9007199254740993'], 1.5, 0.30000000000000004, null]],
    );
    const large = (await ask(app, 'SELECT number FROM numbers(10001)')).json<Answer>();
    assert.deepEqual([large.row_count, large.truncated], [10_000, true]);
  });

  it('takes parameters, and every form of a SELECT that computes', async (t) => {
    const app = await appOf(t, null);
    const params = { app: "it's", n: 3, list: ['kids', 'x'] };
    assert.deepEqual(
      await rowsOf(
        app,
        'SELECT {app:String}, {n:UInt8} + 1, has({list:Array(String)}, app_id) FROM events WHERE app_id IN {list:Array(String)} LIMIT 1',
        { params },
      ),
      [["it's", 4, 1]],
    );
    for (const query of [
      "WITH started AS (SELECT * FROM events WHERE event_name = 'video_start') SELECT count() FROM started s JOIN events e USING (event_id)",
      'SELECT 1 UNION ALL SELECT 2 EXCEPT SELECT 2',
      'SELECT x, sum(x) OVER (ORDER BY x ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS w FROM (SELECT arrayJoin([1, 2]) AS x) QUALIFY w > 0',
      'SELECT toStartOfHour(timestamp) AS h, uniqCombined64If(actor, NOT is_bot) FROM events GROUP BY h ORDER BY h WITH FILL STEP 3600 INTERPOLATE LIMIT 3 BY h LIMIT 10',
      "SELECT CASE WHEN a THEN 'x' ELSE 'y' END, a::String, CAST(a AS UInt8), INTERVAL 1 DAY, -a, a BETWEEN 1 AND 2, (1, 2).1 FROM (SELECT 1 AS a)",
      'SELECT * EXCEPT (properties) REPLACE (lower(app_id) AS app_id) FROM events LIMIT 1',
      'SELECT quantilesTDigest(0.5, 0.9)(watch_ms), count(DISTINCT app_id), sum(watch_ms) FILTER (WHERE completed) FROM events',
      'SELECT uniqCombined64Merge(users), sum(events) FROM event_counts_5m FINAL',
      'WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT * FROM t',
      'SELECT "Total events" FROM (SELECT count() AS "Total events" FROM ai_analytics_events)',
      'EXPLAIN SELECT count() FROM events',
      'explain plan select 1',
    ])
      assert.ok((await rowsOf(app, query)).length > 0, query);
  });

  it('gives NDJSON, CSV and Parquet', async (t) => {
    const app = await appOf(t, null);
    const query = 'SELECT app_id, count() AS n FROM events GROUP BY app_id ORDER BY n';
    const [ndjson, csv, parquet] = await Promise.all(
      ['ndjson', 'csv', 'parquet'].map((format) => ask(app, query, { format })),
    );
    assert.equal(ndjson!.body, '{"app_id":"tube","n":1}\n{"app_id":"kids","n":2}\n');
    assert.equal(csv!.body, '"app_id","n"\n"tube",1\n"kids",2\n');
    const bytes = parquet!.rawPayload;
    assert.deepEqual([bytes.subarray(0, 4).toString(), bytes.subarray(-4).toString()], ['PAR1', 'PAR1']);
    assert.match(parquet!.headers['content-type'] as string, /parquet/);
    const none = await ask(app, 'SELECT 1 WHERE 0', { format: 'ndjson' });
    assert.deepEqual([none.statusCode, none.body], [200, '']);
    const failed = await ask(app, 'SELECT throwIf(number = 90000) FROM numbers(100000)', {
      format: 'ndjson',
    });
    assert.deepEqual([failed.statusCode, failed.json<Answer>().code], [400, 'sql_error']);
  });
});

describe('limits', () => {
  it('of time, rows and text', async (t) => {
    const app = await appOf(t, null);
    const codeOf = async (query: string, more = {}) => {
      const answer = await ask(app, query, more);
      return [answer.statusCode, answer.json<Answer>().code];
    };
    const long = 'SELECT sum(sipHash64(number)) FROM numbers(1000000000000)';
    assert.deepEqual(await codeOf(long, { timeout_seconds: 0.3 }), [408, 'query_timeout']);
    assert.deepEqual(await codeOf('SELECT * FROM numbers(200000)', { format: 'csv' }), [
      413,
      'result_too_large',
    ]);
    assert.deepEqual(await codeOf('SELECT groupArray(number) FROM numbers(1000000000)'), [
      413,
      'result_too_large',
    ]);
    assert.deepEqual(await codeOf('SELECT 1', { format: 'xml' }), [400, 'invalid_request']);
    assert.deepEqual(await codeOf('SELECT nope FROM events'), [400, 'sql_error']);
    assert.deepEqual(await codeOf('SELECT * FROM nowhere'), [400, 'sql_error']);
    assert.deepEqual(await codeOf('SELEC 1'), [400, 'sql_error']);
  });

  it('a query can be cancelled by whoever sent it, and by nobody else', async (t) => {
    const [app, other] = [await appOf(t, null), await appOf(t, ['tube'])];
    const headers = { 'query-id': 'mine.1' };
    const running = ask(app, 'SELECT sum(sipHash64(number)) FROM numbers(1000000000000)', {}, headers);
    const cancel = async (by: FastifyInstance) =>
      (await by.inject({ method: 'DELETE', url: '/query/mine.1' })).statusCode;
    const { client } = service.store!;
    await until('it runs', async () => {
      const rows = await client.select(
        "SELECT 1 FROM system.processes WHERE query_id LIKE 'sluice-sql-%-mine.1'",
      );
      return rows.length === 1;
    });
    assert.equal(await cancel(other), 404);
    assert.equal(await cancel(app), 200);
    const answer = await running;
    assert.deepEqual([answer.statusCode, answer.headers['query-id']], [408, 'mine.1']);
    assert.match(answer.json<Answer>().detail!, /cancelled/);
    assert.equal(await cancel(app), 404);
    assert.equal((await ask(app, 'SELECT 1', {}, { 'query-id': 'a b' })).statusCode, 400);
  });
});

describe("another app's rows", () => {
  it('are in no table, however it is asked', async (t) => {
    const app = await appOf(t, ['kids']);
    for (const table of [
      'events',
      'views',
      'current_views',
      'video_rollup_5m',
      'event_counts_5m',
      'actor_buckets',
    ])
      assert.deepEqual(await rowsOf(app, `SELECT DISTINCT app_id FROM ${table}`), [['kids']], table);
    for (const query of [
      'SELECT DISTINCT app_id FROM video_metrics_hourly FINAL',
      'SELECT DISTINCT app_id FROM user_engagement_daily FINAL',
      'SELECT DISTINCT app_id FROM ai_analytics_events',
      'SELECT app_id FROM events PREWHERE 1 GROUP BY app_id HAVING 1',
      "WITH x AS (SELECT * FROM events) SELECT DISTINCT a.app_id FROM x a LEFT JOIN events b ON a.app_id = b.app_id AND b.app_id != 'kids'",
      'SELECT min(app_id) FROM events',
      "SELECT DISTINCT app_id FROM events WHERE throwIf(app_id = 'tube') = 0",
    ])
      assert.deepEqual(await rowsOf(app, query), [['kids']], query);
    assert.deepEqual(await rowsOf(app, 'SELECT user_id FROM analytics_events GROUP BY user_id'), [
      ['user-kids'],
    ]);
    assert.deepEqual(await rowsOf(app, 'SELECT DISTINCT video_id FROM video_metrics'), [['film-kids']]);
    assert.equal((await ask(app, 'SELECT count() FROM events')).json<Answer>().read_rows, null);
    assert.deepEqual(await rowsOf(await appOf(t, []), 'SELECT count() FROM events'), [[0]]);
  });
});

const FORBIDDEN: Readonly<Record<string, readonly string[]>> = {
  table_forbidden: [
    'SELECT * FROM system.tables',
    'SELECT * FROM system.one',
    'SELECT * FROM information_schema.tables',
    'SELECT * FROM analytics.events',
    'SELECT * FROM bucket_state',
    'SELECT * FROM ledger',
    'SELECT * FROM dead_letters',
    'SELECT * FROM schema_migrations',
    'SELECT * FROM {t:Identifier}',
    'SELECT * FROM {d:Identifier}.{t:Identifier}',
    'SELECT 1 IN system.one',
    "SELECT ('kids', now()) IN bucket_state",
    'SELECT (SELECT count() FROM system.tables)',
    'WITH x AS (SELECT * FROM system.tables) SELECT * FROM x',
    'SELECT * FROM (SELECT 1 UNION ALL SELECT 1 FROM system.parts)',
    'SELECT * FROM events JOIN system.tables ON 1',
    'SELECT * FROM events WHERE EXISTS (SELECT 1 FROM system.tables)',
    'SELECT * FROM `/etc/passwd`',
  ],
  function_forbidden: [
    "SELECT file('/proc/self/environ')",
    "SELECT FILE('/etc/hosts', 'x')",
    "SELECT * FROM file('/etc/passwd')",
    "SELECT * FROM url('http://127.0.0.1/', 'CSV')",
    "SELECT * FROM merge('analytics', 'events')",
    'SELECT * FROM mergeTreeIndex(analytics, events)',
    "SELECT * FROM mergeTreeAnalyzeIndexes(analytics, events, app_id = 'tube')",
    "SELECT * FROM remote('127.0.0.1', system.one)",
    "SELECT * FROM cluster('default', system.one)",
    "SELECT * FROM s3('http://x/y', 'CSV')",
    'SELECT * FROM view(SELECT 1)',
    "SELECT * FROM viewExplain('EXPLAIN ESTIMATE', '', (SELECT 1))",
    "SELECT * FROM dictionary('x')",
    "SELECT * FROM executable('x', 'CSV', 'a String')",
    "SELECT * FROM input('a String')",
    'SELECT * FROM loop(events)',
    "SELECT * FROM fuzzQuery('SELECT 1')",
    "SELECT getSetting('log_comment')",
    "SELECT getServerSetting('path')",
    'SELECT hostName(), 1',
    'SELECT fqdn()',
    'SELECT version()',
    'SELECT currentUser()',
    'SELECT user()',
    'SELECT getOSKernelVersion()',
    'SELECT sleep(3)',
    'SELECT sleepEachRow(1) FROM numbers(3)',
    "SELECT dictGet('d', 'a', 1)",
    "SELECT joinGet('j', 'a', 1)",
    "SELECT hasColumnInTable('system', 'one', 'dummy')",
    "SELECT catboostEvaluate('/x', 1)",
    'SELECT showCertificate()',
    "SELECT getMacro('x')",
    'SELECT serverUUID()',
    'SELECT addressToLine(1)',
    'SELECT filesystemCapacity()',
    "SELECT chdb('SELECT 1')",
    "SELECT arrayMap(x -> file(x), ['/etc/passwd'])",
    'SELECT sum(sleep(1)) OVER () FROM events',
    "SELECT * REPLACE (file('/etc/passwd') AS app_id) FROM events",
    "SELECT count() FROM events ORDER BY file('/etc/passwd')",
    'SELECT 1 LIMIT length(hostName())',
    'SELECT * FROM numbers(length(hostName()))',
    'SELECT 1 IN numbers(3)',
  ],
  not_a_select: [
    "SELECT * FROM events SETTINGS log_comment = 'every app'",
    "SELECT * FROM (SELECT * FROM events SETTINGS log_comment = 'every app')",
    "WITH x AS (SELECT * FROM events SETTINGS log_comment = 'every app') SELECT * FROM x",
    "SELECT (SELECT count() FROM events SETTINGS log_comment = 'every app')",
    "SELECT * FROM events WHERE app_id IN (SELECT app_id FROM events SETTINGS log_comment = 'every app')",
    'SELECT 1 UNION ALL SELECT 1 SETTINGS max_block_size = 1',
    'SELECT 1 FORMAT JSON',
    "SELECT 1 INTO OUTFILE '/tmp/x'",
    'EXPLAIN ESTIMATE SELECT * FROM events',
    'EXPLAIN AST SELECT 1',
    'EXPLAIN SYNTAX SELECT 1',
    'EXPLAIN PIPELINE SELECT 1',
    'EXPLAIN indexes = 1 SELECT 1',
    'EXPLAIN EXPLAIN SELECT 1',
    'DESCRIBE TABLE events',
    'SHOW TABLES',
    'SHOW CREATE TABLE events',
    'EXISTS TABLE events',
    "SET log_comment = 'every app'",
    'USE system',
    'INSERT INTO events (app_id) SELECT 1',
    'CREATE TABLE x (a Int8) ENGINE = Memory',
    'CREATE TEMPORARY TABLE x (a Int8)',
    'DROP TABLE events',
    'ALTER TABLE events DELETE WHERE 1',
    'TRUNCATE TABLE events',
    'SYSTEM SHUTDOWN',
    'KILL QUERY WHERE 1',
    'GRANT ALL ON *.* TO adhoc',
    'OPTIMIZE TABLE events',
    'BACKUP TABLE events TO Null',
    'SELECT * APPLY(toString) FROM events',
    "SELECT COLUMNS('a') APPLY(x -> file(x)) FROM events",
    'SELECT 1 PARALLEL WITH SELECT 2',
  ],
  sql_error: [
    'SELECT 1; SELECT 2',
    'SELECT 1; DROP TABLE events',
    'SELECT `a\n  TableIdentifier events` FROM events',
    'SELECT 1 AS `a) (children 7`, [1]',
    'graph = 1 SELECT 1',
  ],
};

describe('what must not be read', () => {
  it('is refused with its reason, for whoever asks', async (t) => {
    const params = { t: 'bucket_state', d: 'system' };
    for (const apps of [null, ['kids']]) {
      const app = await appOf(t, apps);
      for (const [code, queries] of Object.entries(FORBIDDEN))
        for (const query of queries) {
          const answer = await ask(app, query, { params });
          const said = answer.json<Answer>();
          // What is no SELECT may be no sentence of the parser's either.
          const codes = code === 'not_a_select' ? [code, 'sql_error'] : [code];
          assert.ok(codes.includes(said.code!), `${query}: ${answer.body.slice(0, 300)}`);
          assert.doesNotMatch(said.detail ?? '', /\/tmp|\/proc|127\.0\.0\.1:/, query);
        }
    }
  });

  it('is refused by the engine too, to the user who runs it', async () => {
    const { adhoc } = service.store!;
    for (const table of ['dead_letters', 'ledger_blocks', 'schema_migrations'])
      await assert.rejects(adhoc!.select(`SELECT * FROM ${table}`), { name: 'StoreError' }, table);
    assert.deepEqual(
      await adhoc!.select('SELECT count() AS n FROM events'),
      [{ n: 0 }],
      'unless it is told whose rows',
    );
    await assert.rejects(adhoc!.command('CREATE TABLE x (a Int8) ENGINE = Memory'), { name: 'StoreError' });
  });

  it('with ClickHouse by URL SQL is for callers of all apps', async (t) => {
    const { client } = service.store!;
    const sql = new SqlDesk({ store: client, adhoc: null });
    const open = async (apps: string[] | null) =>
      (await startQueryService(t, { sql, access: openAccess({ apps, scopes: ['read'] }) })).app;
    const all = await open(null);
    assert.deepEqual(await rowsOf(all, 'SELECT count() FROM events'), [[3]]);
    assert.equal((await ask(all, 'SELECT * FROM bucket_state')).json<Answer>().code, 'table_forbidden');
    assert.equal((await ask(await open(['kids']), 'SELECT 1')).json<Answer>().code, 'app_forbidden');
  });
});
