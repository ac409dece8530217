import assert from 'node:assert/strict';
import { test } from 'node:test';
import Fastify from 'fastify';
import type { Catalog } from '../../src/catalog/catalog.ts';
import { problems } from '../../src/http/problem.ts';
import { docsRoutes } from '../../src/query/docs.ts';
import { createRouteBook, type OpenApiDocument } from '../../src/query/openapi.ts';
import { queryRoutes } from '../../src/query/query.ts';
import { freshAnswers, openAccess, plainFacts } from './service.ts';

const url = 'http://127.0.0.1:3002';

test('the API describes itself', async (t) => {
  const app = Fastify();
  t.after(() => app.close());
  const book = createRouteBook();
  book.collect(app);
  await app.register(queryRoutes, {
    store: { select: async () => [], async *stream() {} },
    catalog: {} as Catalog,
    access: openAccess({ scopes: [] }),
    answers: freshAnswers(),
    moments: {} as never,
    gapLimitMs: 1,
    conversionEvents: [],
    inFlight: async () => 0,
    pipelineFacts: () => plainFacts,
    letters: null,
    erasure: {} as never,
    sql: null as never,
    now: Date.now,
  });
  await app.register(docsRoutes, { book, version: '1.2.3', url });
  const document: OpenApiDocument = (await app.inject('/openapi.json')).json();
  const page = (await app.inject('/docs')).body;

  await t.test('as OpenAPI: every path, its parameters, its scopes', () => {
    assert.equal(document.openapi, '3.1.0');
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    for (const expected of [
      'post /events',
      'post /api/events',
      'post /v1/ingest/batch',
      'get /api/metrics/video/{videoId}',
      'get /metrics',
      'get /v1/events',
      'get /v1/ledger',
      'get /v1/dead-letters/groups',
      'get /v1/dead-letters/{id}',
      'post /v1/dead-letters/replay',
      'post /v1/dead-letters/discard',
      'put /v1/videos',
      'get /health',
    ]) {
      assert.ok(operations.includes(expected), expected);
    }
    const metrics = document.paths['/metrics']!.get!;
    assert.deepEqual(metrics['x-scopes'], ['read']);
    assert.deepEqual(
      metrics.parameters!.filter((p) => p.required).map((p) => p.name),
      ['metric'],
    );
    assert.ok(document.paths['/v1/videos']!.put!.requestBody);
    const { schemas } = document.components as unknown as { schemas: { Event: { properties: object } } };
    assert.ok('event_name' in schemas.Event.properties);
    assert.doesNotMatch(JSON.stringify(document), /"~/);
  });

  await t.test('as a page: links that lead somewhere, examples, every problem, no foreign host', () => {
    for (const [, target] of page.matchAll(/href="#([^"]+)"/g))
      assert.ok(page.includes(`id="${target}"`), `there is no ${target}`);
    for (const code of Object.keys(problems)) assert.ok(page.includes(`id="problem-${code}"`), code);
    assert.match(page, /curl &#?\w*;?.*\/metrics\?metric=viewers|curl .*metrics\?metric=viewers/);
    assert.doesNotMatch(page, /<script|<link|src=|undefined|\[object/);
    const hosts = [...page.matchAll(/https?:\/\/([^/\s'"<]+)/g)].map((match) => match[1]);
    assert.deepEqual([...new Set(hosts)], ['127.0.0.1:3002']);
    assert.match(page, /prefers-color-scheme:dark/);
  });
});
