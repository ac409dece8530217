import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogRecord } from '../../src/log/log.ts';
import { type Block, type BlockText, createBlock } from '../../src/pipeline/block.ts';
import { SessionMemory } from '../../src/pipeline/steps/sessions.ts';
import { createSteps, runSteps } from '../../src/pipeline/steps.ts';
import { botAgent, humanAgent } from '../oracle/history.ts';
import { batchOf, NOON, recordOf } from './rig.ts';

const PHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1';
const SDK = 'analytics-node/2.1';

function blockOf(records: readonly LogRecord[]): Block {
  const block = createBlock(batchOf(records));
  const sessions = new SessionMemory(0, { turnMs: 1, actorsMax: 10 });
  runSteps(createSteps(sessions), block, { step() {} });
  return block;
}

const said = (block: Block, name: BlockText) =>
  Array.from(block.text[name].ids, (id) => block.text[name].values[id]!);
const event = (context: object = {}, more: object = {}) => ({
  event_name: 'x',
  timestamp: NOON,
  context,
  ...more,
});

/** The column for one event after another, each in a record of its own. */
function column(name: BlockText, contexts: readonly object[]): string[] {
  return said(blockOf(contexts.map((context, i) => recordOf(i, [event(context)]))), name);
}

test('bots: whoever the event names, or the browser that carried it; a server carries other people', () => {
  const block = blockOf([
    recordOf(0, [event(), event({ user_agent: humanAgent })], { userAgent: botAgent }),
    recordOf(1, [event(), event({ user_agent: botAgent })], { userAgent: humanAgent }),
    recordOf(2, [event(), event({ userAgent: humanAgent })], { userAgent: 'Googlebot/2.1' }),
    recordOf(3, [event({ user_agent: 'Googlebot/2.1' })]),
    recordOf(4, [event()]),
  ]);
  assert.deepEqual([...block.isBot], [1, 0, 0, 1, 0, 0, 1, 0]);
});

test('devices: as the event says, each by itself, else as its agent says; a server says nothing of the viewer', () => {
  const records = [
    recordOf(0, [event(), event({ device: 'tv' }), event({ os: { name: 'Tizen' }, browser: 'Own' })], {
      userAgent: PHONE,
    }),
    recordOf(1, [event(), event({ user_agent: PHONE })], { userAgent: SDK }),
    recordOf(2, [event(), event({}, { properties: { device_type: 'stick' } })]),
  ];
  const block = blockOf(records);
  assert.deepEqual(said(block, 'device'), ['mobile', 'tv', 'mobile', '', 'mobile', '', 'stick']);
  assert.deepEqual(said(block, 'os'), ['iOS', 'iOS', 'Tizen', '', 'iOS', '', '']);
  assert.deepEqual(said(block, 'browser'), ['Safari', 'Safari', 'Own', '', 'Safari', '', '']);
});

test('no user agent makes a reader fail', () => {
  const agents = [
    ' ',
    '()',
    'Mozilla/5.0 (',
    '\u0000',
    '🎬',
    `Mozilla/5.0 ${'('.repeat(1_500)}`,
    'a;'.repeat(1_000),
  ];
  const block = blockOf([
    recordOf(
      0,
      agents.map((user_agent) => event({ user_agent })),
    ),
  ]);
  assert.equal(said(block, 'device').length, agents.length);
});

test('country: as the event says, else as the edge said for its request', () => {
  const block = blockOf([
    recordOf(0, [event(), event({ country: 'NP' })], { country: 'DE' }),
    recordOf(1, [event(), event({ location: { country: 'CA' } })]),
    recordOf(2, [event()], { country: 'FR' }),
  ]);
  assert.deepEqual(said(block, 'country'), ['DE', 'NP', '', 'CA', 'FR']);
});

test("referrer: the host, without www, and nothing for the page's own", () => {
  const page = { url: 'https://www.tube.example/watch?v=1' };
  const referrers = column('referrer', [
    { referrer: 'https://news.example/story?id=1' },
    { referrer: 'https://WWW.News.example/' },
    { referrer: 'https://tube.example/home', page },
    { referrer: 'https://www.tube.example/', page },
    { page: { ...page, referrer: 'https://search.example/?q=a' } },
    { referrer: 'https://tube.example/home' },
    { referrer: 'news.example/story' },
    { referrer: 'news.example:8080' },
    { referrer: 'android-app://com.example.app/' },
    { referrer: 'http://[' },
    { referrer: '://' },
    { referrer: '' },
    {},
  ]);
  assert.deepEqual(referrers, [
    'news.example',
    'news.example',
    '',
    '',
    'search.example',
    'tube.example',
    'news.example',
    'news.example:8080',
    'com.example.app',
    '',
    '',
    '',
    '',
  ]);
});

test('page: the path only, from wherever it is said', () => {
  const pages = column('page', [
    { page: { path: '/watch' } },
    { page: { url: 'https://tube.example/watch?v=1#t' } },
    { url: '/relative?x=1' },
    { path: '/said?with=query' },
    { page: 'https://tube.example/full?x' },
    { page: { url: 'http://[' } },
    { page: 'just words' },
    {},
  ]);
  assert.deepEqual(pages.slice(0, 6), ['/watch', '/watch', '/relative', '/said', '/full', '']);
  assert.equal(pages[7], '');
});

test('utm: as the event says, else as the URL carries it, name by name', () => {
  const url = 'https://tube.example/?utm_source=mail&utm_campaign=may%20day&utm_source=second';
  const contexts = [
    { page: { url } },
    { page: { url }, utm_source: 'said' },
    { page: { url }, campaign: { name: 'june', source: 'c' } },
    { utm_source: 'only' },
    { page: { url: 'https://tube.example/?utm_source=' } },
    {},
  ];
  assert.deepEqual(column('utm_source', contexts), ['mail', 'said', 'c', 'only', '', '']);
  assert.deepEqual(column('utm_campaign', contexts), ['may day', 'may day', 'june', '', '', '']);
  assert.deepEqual(column('utm_term', contexts), ['', '', '', '', '', '']);
});

test('sessions: only for who has an actor and names none; the view is derived from it', () => {
  const block = blockOf([
    recordOf(0, [
      event({}, { user_id: 'ann', video_id: 'v' }),
      event({}, { user_id: 'ann', session_id: 's1', video_id: 'v' }),
      event({}, { video_id: 'v' }),
      event({}, { anonymous_id: 'ann' }),
    ]),
  ]);
  const cells = [0, 1, 2, 3].map((row) => block.builder.stringAt('session_id', row));
  assert.match(cells[0]!, /^s_[0-9a-f]{16}$/);
  assert.notEqual(cells[0], 's_0000000000000000');
  assert.deepEqual(cells.slice(1, 3), ['s1', '']);
  assert.equal(cells[3], cells[0], 'the actor is a text, whichever field says it');
  const views = [0, 1, 2].map((row) => block.builder.stringAt('view_id', row));
  assert.match(views[0]!, /^v_[0-9a-f]{16}$/);
  assert.notEqual(views[0], views[1]);
  assert.equal(views[2], '');
});
