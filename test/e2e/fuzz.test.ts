/**
 * Every operation of `/openapi.json`, with requests that are good by its schemas and with such that are not: nothing fails
 * for a reason of ours, refusals are problems with an advice, answers are what the document says, and a question changes
 * nothing. `FUZZ_ROUNDS` requests an operation; a failure prints the `FUZZ_SEED` that makes it again.
 */
import assert from 'node:assert/strict';
import { Agent, type IncomingHttpHeaders, request as openRequest } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { Compile } from 'typebox/schema';
import { type ProblemCode, problems } from '../../src/http/problem.ts';
import type { OpenApiDocument } from '../../src/query/openapi.ts';
import { until } from '../faults/verify.ts';
import { createRandom } from '../oracle/random.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { type FuzzOperation, type FuzzRequest, makeRequest, type Pools } from './fuzz-requests.ts';

const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 2);
const SEED = process.env.FUZZ_SEED === undefined ? Date.now() % 2 ** 31 : Number(process.env.FUZZ_SEED);
/** Asks only, whatever its method. */
const READS = ['POST /query', 'POST /report'];
const UUID = '00000000-0000-7000-8000-000000000001';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
}

describe('the API, fuzzed by its own description', { timeout: 60_000 + ROUNDS * 20_000 }, () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const validators = new Map<string, ReturnType<typeof Compile>>();
  let service: TestService;
  let doc: OpenApiDocument;
  let operations: FuzzOperation[] = [];
  let pools: Pools = {};
  let docsPage = '';
  const isRead = ({ name, method }: FuzzOperation) => method === 'GET' || READS.includes(name);

  before(async () => {
    service = await startTestService();
    doc = await service.get<OpenApiDocument>('/openapi.json');
    docsPage = await (await fetch(`${service.url}/docs`)).text();
    operations = Object.entries(doc.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => {
        const name = `${method.toUpperCase()} ${path}`;
        return { name, method: method.toUpperCase(), path, operation };
      }),
    );
    await seedData();
    pools = await makePools();
  });
  after(async () => {
    agent.destroy();
    await service?.stop();
  });

  async function seedData(): Promise<void> {
    const events = ['video_start', 'video_progress', 'video_complete', 'page_view', 'search'].flatMap(
      (event_name) =>
        ['a', 'b'].map((app_id) => ({
          event_name,
          app_id,
          user_id: `${app_id}-user`,
          session_id: `${app_id}-session`,
          video_id: 'film',
          view_id: `${app_id}-view`,
          properties: { position: 1, query: 'é', url: '/start', nested: { deep: [1, 'two'] } },
        })),
    );
    assert.equal((await service.post('/events', [...events, { event_name: 7, app_id: 'a' }])).status, 202);
    await service.post('/v1/apps', { app_id: 'a', name: 'A' });
    await service.post('/v1/keys', { scopes: ['read'], apps: ['a'] });
    await put('/v1/funnels/buy', {
      steps: [{ event_name: 'page_view' }, { event_name: 'search' }],
      window_seconds: 60,
    });
    await put('/v1/videos', [{ video_id: 'film', title: 'A film', duration_seconds: 60 }]);
    await until('all is stored', async () => {
      const { totals } = await service.get<{ totals: Record<string, number> }>('/v1/ledger');
      return totals.stored === events.length && totals.quarantined! + totals.in_flight! >= 0;
    });
  }

  async function put(path: string, body: unknown): Promise<void> {
    const headers = { 'content-type': 'application/json' };
    const { status } = await fetch(service.url + path, {
      method: 'PUT',
      headers,
      body: JSON.stringify(body),
    });
    assert.equal(status, 200, path);
  }

  /** Values that let requests come far. */
  async function makePools(): Promise<Pools> {
    const [key] = (await service.get<{ data: { key_id: string }[] }>('/v1/keys')).data;
    const today = new Date().toISOString().slice(0, 10);
    const moments = [
      today,
      '2026-01-01',
      `${today}T00:00:00Z`,
      '2026-03-29T02:30:00',
      '1970-01-01',
      '2099-12-31',
    ];
    const fields = [
      'event_name',
      'video_id',
      'country',
      'properties.query',
      'properties.nested.deep',
      'device',
    ];
    const cursors = await Promise.all(
      [
        '/v1/events?limit=1',
        '/v1/sessions?limit=1',
        '/v1/keys?limit=1',
        '/v1/audit?limit=1',
        '/v1/videos?limit=1',
      ].map(
        async (path) => (await service.get<{ next_cursor: string | null }>(path)).next_cursor ?? 'bm9uZQ',
      ),
    );
    const templates = await service.get<{ data?: { name: string }[] } | { name: string }[]>('/report');
    const names = (Array.isArray(templates) ? templates : (templates.data ?? [])).map(({ name }) => name);
    const letters = (await service.get<{ data: { id: string }[] }>('/v1/dead-letters')).data;
    const ids = [UUID, key?.key_id ?? 'key_x', ...letters.map(({ id }) => id)];
    return {
      from: moments,
      to: moments,
      startDate: moments,
      endDate: moments,
      timezone: ['UTC', 'Europe/Berlin', '+05:30', 'America/St_Johns'],
      app_id: ['a', 'b', 'a,b', 'c'],
      appId: ['a', 'new'],
      name: ['buy', 'other'],
      videoId: ['film', 'none'],
      video_id: ['film'],
      event_name: ['page_view', 'video_start', 'custom'],
      id: ids,
      ids,
      uuid: [UUID, ...letters.map(({ id }) => id)],
      breakdown: fields,
      field: [...fields, '.', 'event_name'],
      group_by: fields,
      filter: fields.flatMap((field) => [
        `${field}:eq:x`,
        `${field}:in:x,y`,
        `${field}:gt:1`,
        `${field}:contains:é`,
      ]),
      cursor: cursors,
      template: names.length > 0 ? names : ['none'],
      metric: ['events', 'views', 'watch_time_seconds', 'completion_rate', 'sessions'],
      query: [
        'SELECT count() FROM events',
        'SELECT event_name, properties FROM events LIMIT 3',
        'SELECT {a:UInt8}',
        'SELECT 1/0, nan, inf, NULL, [1], toDate(0), 18446744073709551615',
        'EXPLAIN SELECT 1',
        'SELECT throwIf(1)',
        "SELECT * FROM url('http://localhost')",
        'DROP TABLE events',
        'SELECT sleep(0.01)',
        'SELECT',
        ';',
      ],
    };
  }

  function send({ operation, path, headers, body }: FuzzRequest): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { hostname, port } = new URL(service.url);
      const length = body === null ? {} : { 'content-length': String(body.length) };
      const request = openRequest(
        { hostname, port, agent, method: operation.method, path, headers: { ...headers, ...length } },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () =>
            resolve({
              status: response.statusCode!,
              headers: response.headers,
              bytes: Buffer.concat(chunks),
            }),
          );
          response.on('error', reject);
        },
      );
      request.on('error', reject);
      request.end(body ?? undefined);
    });
  }

  function check({ operation }: FuzzRequest, answer: Answer): void {
    const { status, headers, bytes } = answer;
    const type = String(headers['content-type'] ?? '').split(';', 1)[0];
    if (status >= 400 && !(status === 503 && '503' in operation.operation.responses)) {
      assert.equal(type, 'application/problem+json', `${status} ${bytes}`);
      checkProblem(answer);
      return;
    }
    const documented = operation.operation.responses[status] as
      | { content?: Record<string, { schema: Record<string, unknown> }> }
      | undefined;
    assert.ok(documented !== undefined, `the document knows no ${status}: ${bytes.subarray(0, 200)}`);
    if (type !== 'application/json') return;
    const schema = documented.content?.['application/json']?.schema;
    assert.ok(schema !== undefined, `the document has no schema of ${status}`);
    checkSchema(`${operation.name} ${status}`, schema, JSON.parse(bytes.toString()));
  }

  function checkSchema(name: string, schema: Record<string, unknown>, value: unknown): void {
    const validator = validators.getOrInsertComputed(name, () =>
      Compile({ ...schema, components: doc.components } as never),
    );
    if (validator.Check(value)) return;
    const [, faults] = validator.Errors(value);
    assert.fail(
      `the answer is not what the document says: ${JSON.stringify(faults?.slice(0, 3))} of ${JSON.stringify(value)?.slice(0, 600)}`,
    );
  }

  function checkProblem({ status, headers, bytes }: Answer): void {
    const body = JSON.parse(bytes.toString()) as Record<string, string>;
    checkSchema('Problem', { $ref: '#/components/schemas/Problem' }, body);
    assert.ok(Object.hasOwn(problems, body.code!), `unknown code ${body.code}`);
    const kind = problems[body.code as ProblemCode];
    assert.deepEqual([status, body.status, body.title], [kind.status, kind.status, kind.title]);
    assert.ok(status < 500 || status === 503, `our fault: ${bytes}`);
    if (status === 503) assert.ok(headers['retry-after'] !== undefined, 'Retry-After');
    assert.equal(headers['x-request-id'], body.request_id);
    // What to do stands where the type leads, and what happened in the detail.
    assert.ok(docsPage.includes(`id="${body.type!.split('#')[1]}"`), `no place ${body.type}`);
    assert.match(body.detail!, /\S.{9,}/s);
    assert.ok(body.detail!.length < 2_100, `a detail of ${body.detail!.length} characters`);
  }

  async function fire(chosen: readonly FuzzOperation[], rounds: number): Promise<number> {
    let good = 0;
    const failures: string[] = [];
    for (const [place, operation] of chosen.entries()) {
      for (let round = 0; round < rounds; round++) {
        const random = createRandom(SEED + place * 100_003 + round);
        const request = makeRequest(random, operation, pools, doc as never);
        try {
          const answer = await send(request);
          check(request, answer);
          if (answer.status < 300) good += 1;
        } catch (error) {
          const { path, headers, body, spoiled } = request;
          const told = `FUZZ_SEED=${SEED} FUZZ_ROUNDS=${rounds}: ${operation.method} ${path.slice(0, 500)} ${JSON.stringify(headers)} ${body?.subarray(0, 500) ?? ''} (spoiled: ${spoiled})`;
          failures.push(`${told}\n${(error as Error).message}`);
          break;
        }
      }
    }
    assert.equal(failures.length, 0, failures.join('\n\n'));
    return good;
  }

  /** All that is kept, as the service itself tells it. */
  async function stored(): Promise<unknown> {
    const paths = [
      '/v1/apps',
      '/v1/keys?revoked=true',
      '/v1/videos',
      '/v1/funnels',
      '/v1/dead-letters',
      '/v1/audit',
    ];
    const lists = await Promise.all(paths.map((path) => service.get(path)));
    const { body } = await service.post<{ rows: unknown[][] }>('/query', {
      query: 'SELECT count(), uniqExact(event_id), sum(cityHash64(event_id, properties)) FROM events',
    });
    const { totals } = await service.get<{ totals: unknown }>('/v1/ledger');
    assert.ok(body.rows.length === 1);
    return [lists, body.rows, totals];
  }

  async function answersStill(): Promise<void> {
    assert.equal((await service.get<{ status: string }>('/health')).status, 'ok');
    const { rows } = (await service.post<{ rows: unknown[][] }>('/query', { query: 'SELECT 1' })).body;
    assert.deepEqual(rows, [[1]]);
  }

  it('questions are answered or refused, and change nothing', async () => {
    const settled = () =>
      until('nothing is on its way', async () => {
        const { totals } = await service.get<{ totals: Record<string, number> }>('/v1/ledger');
        return totals.in_flight === 0;
      });
    await settled();
    const before = await stored();
    const reads = operations.filter(isRead);
    const good = await fire(reads, ROUNDS);
    assert.ok(good > reads.length * ROUNDS * 0.2, `${good} requests were taken`);
    assert.deepEqual(await stored(), before);
    await answersStill();
  });

  it('changes are made or refused, and the service goes on', async () => {
    const changes = operations.filter((operation) => !isRead(operation));
    const good = await fire(changes, ROUNDS);
    assert.ok(good > changes.length * ROUNDS * 0.1, `${good} requests were taken`);
    await answersStill();
    await until('what was taken is accounted for', async () => {
      const { totals } = await service.get<{ totals: Record<string, number> }>('/v1/ledger');
      return totals.in_flight === 0 && totals.unaccounted === 0;
    });
    // What they left behind can be read.
    await fire(operations.filter(isRead), Math.ceil(ROUNDS / 5));
  });
});
