import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTopicSources } from '../../src/pipeline/sources.ts';

const read = (...items: string[]) => readTopicSources(items, 'analytics.v1');

test('topics, their dialects and apps', () => {
  assert.deepEqual(read(), {
    sources: [{ topic: 'analytics.v1', dialect: 'native', app: null }],
    faults: [],
  });
  assert.deepEqual(read('octane.events=native:octane', 'a_b-c', 'x=', 'y=native:', 'z=:a:b=c').sources, [
    { topic: 'octane.events', dialect: 'native', app: 'octane' },
    { topic: 'a_b-c', dialect: 'native', app: null },
    { topic: 'x', dialect: 'native', app: null },
    { topic: 'y', dialect: 'native', app: null },
    { topic: 'z', dialect: 'native', app: 'a:b=c' },
  ]);
});

test('each fault of the list is told, and names what may stand there', () => {
  const { sources, faults } = read(
    'ok',
    '=native',
    '..',
    'a b',
    'ok',
    'b=klingon',
    `c=native:${'x'.repeat(257)}`,
  );
  assert.deepEqual(
    sources.map(({ topic }) => topic),
    ['ok'],
  );
  assert.equal(faults.length, 6);
  assert.match(faults.join('\n'), /'klingon' is none of native/);
  assert.match(faults.join('\n'), /'ok' is listed twice/);
});
