/** `sluice dlq`, as people type it, against a running service. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Io } from '../../src/cli.ts';
import { runDlq } from '../../src/commands/dlq.ts';
import { until } from '../faults/verify.ts';
import { makeTestFolder } from '../support/clickhouse.ts';
import { freePort } from '../support/ports.ts';
import { startTestService, type TestService } from '../support/service.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/sluice.mjs', import.meta.url));
const KEY = 'secret-of-the-test';

let service: TestService;
let ids: string[];

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** As the program runs it, without a process each. */
async function dlq(words: readonly string[], key: string | null = KEY): Promise<Said> {
  const said = { stdout: '', stderr: '' };
  const stream = (name: keyof typeof said) => ({
    write(more: string) {
      said[name] += more;
    },
  });
  const io = { stdout: stream('stdout'), stderr: stream('stderr'), signal: new AbortController().signal };
  const own = [
    ...(words.includes('--url') ? [] : ['--url', service.url]),
    ...(key === null ? [] : ['--key', key]),
  ];
  return { code: await runDlq([...words, ...own], io as unknown as Io), ...said };
}

before(async () => {
  service = await startTestService({ ANALYTICS_ADMIN_KEY: KEY });
  const events = [
    { event_name: 'page_view', user_id: 'someone' },
    { evt: 'seek', user_id: 'cli-1', properties: { watch_ms: '30' } },
    { evt: 'seek', user_id: 'cli-2', properties: { watch_ms: 'long' } },
    { event_name: 'seek', user_id: 'cli-3', timestamp: 'yesterday' },
  ];
  assert.equal((await service.post('/events', events)).status, 202);
  await until('the letters are there', async () => {
    const { stdout } = await dlq(['list', '--json']);
    const { data } = JSON.parse(stdout) as { data: { id: string; payload: string }[] };
    ids = [1, 2, 3].map((n) => data.find(({ payload }) => payload.includes(`cli-${n}`))?.id ?? '');
    return data.length === 3;
  });
});

after(() => service?.stop());

test('list, groups and show', async () => {
  const [all, one, groups, shown] = await Promise.all([
    dlq(['list']),
    dlq(['list', '--reason', 'invalid_timestamp', '--state', 'open', '--limit', '1']),
    dlq(['groups']),
    dlq(['show', ids[0]!]),
  ]);
  assert.deepEqual([all.code, all.stderr], [0, '']);
  for (const id of ids) assert.match(all.stdout, new RegExp(`^${id} +\\S+Z +open `, 'm'));
  assert.match(one.stdout, /^id .*\n\S+ .* invalid_timestamp .*\n$/);
  assert.match(groups.stdout, /^missing_event_name +2 +2 +0 +0 /m);
  assert.match(shown.stdout, /^reason +missing_event_name$/m);
  assert.match(shown.stdout, /^from +\/events$/m);
  assert.match(shown.stdout, /^ {4}"watch_ms": "30"$/m);
});

test('replay: dry run, what is rejected, what is sent; then it is done', async () => {
  const fix = ['--fix', 'rename evt=event_name', '--fix', 'cast properties.watch_ms=number'];
  const dry = await dlq(['replay', '--reason', 'missing_event_name', ...fix, '--dry-run']);
  assert.equal(dry.code, 1, 'one is rejected');
  assert.match(dry.stdout, /"watch_ms": 30$/m);
  assert.match(
    dry.stdout,
    /rejected {2}fix_failed: fix\[1\]: properties\.watch_ms is "long"; that is no number\./,
  );
  assert.match(dry.stdout, /^2 found, 1 would be taken, 1 rejected\.$/m);

  const sent = await dlq(['replay', ids[0]!, ...fix]);
  assert.deepEqual([sent.code, sent.stderr], [0, '']);
  assert.match(sent.stdout, /1 found, 1 sent, 0 rejected/);
  const named = await dlq([
    'replay',
    '--id',
    ids[2]!,
    '--fix',
    'set timestamp=2026-01-01',
    '--json',
    '--dry-run',
  ]);
  assert.equal((JSON.parse(named.stdout) as { matched: number }).matched, 1);
  const again = await dlq(['replay', ids[0]!, ...fix]);
  assert.equal(again.code, 1);
  assert.match(again.stdout, /already_replayed/);
  const shown = await dlq(['show', ids[0]!]);
  assert.match(shown.stdout, /^state +replayed$/m);
  assert.match(shown.stdout, /^replayed +\S+Z by key:\w+, as \S+, with \[\{"op":"rename"/m);

  const discarded = await dlq(['discard', '--reason', 'missing_event_name']);
  assert.deepEqual([discarded.code, discarded.stdout], [0, '1 found, 1 discarded, 0 rejected.\n']);
});

test('wrong words are exit code 2, a service that refuses or is not there 1', async () => {
  const wrong: [string[], RegExp][] = [
    [[], /list, groups, show, replay, discard/],
    [['lost'], /list, groups, show, replay, discard/],
    [['replay'], /ids, or a --reason/],
    [['replay', '--reason', 'x', '--fix', 'cut a'], /--fix is 'cut a'; it takes/],
    [['replay', '--reason', 'x', '--fix', 'set a'], /set takes a value/],
    [['discard', '--reason', 'x', '--dry-run'], /for replay/],
    [['show'], /one id/],
    [['list', '--limit', 'many'], /--limit/],
  ];
  const answers = await Promise.all(wrong.map(([words]) => dlq(words)));
  for (const [i, { code, stdout, stderr }] of answers.entries()) {
    assert.equal(code, 2, wrong[i]![0].join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, wrong[i]![1]);
  }
  const [noKey, wrongKey, nobody, unknown] = await Promise.all([
    dlq(['list'], null),
    dlq(['list'], 'other'),
    dlq(['list', '--url', `http://127.0.0.1:${await freePort()}`]),
    dlq(['show', '00000000-0000-4000-8000-000000000000']),
  ]);
  for (const { code } of [noKey, wrongKey, nobody, unknown]) assert.equal(code, 1);
  assert.match(noKey.stderr, /missing_credential\) Give --key/);
  assert.match(wrongKey.stderr, /invalid_credential/);
  assert.match(nobody.stderr, /Is the service running\?/);
  assert.match(unknown.stderr, /There is no dead letter/);
});

test('the program itself: port and key are those of the environment', async () => {
  const env = {
    PATH: process.env.PATH!,
    PORT: new URL(service.url).port,
    ANALYTICS_ADMIN_KEY: `${KEY}:web, another`,
  };
  const cwd = makeTestFolder();
  const run = async (...words: string[]): Promise<Said> => {
    const child = spawn(process.execPath, [PROGRAM, 'dlq', ...words], { cwd, env });
    const exit = once(child, 'exit');
    const [[code], stdout, stderr] = await Promise.all([exit, text(child.stdout), text(child.stderr)]);
    return { code: code as number, stdout, stderr };
  };
  const [listed, wrong] = await Promise.all([run('list'), run('list', '--no-such')]);
  assert.deepEqual([listed.code, listed.stderr], [0, '']);
  assert.match(listed.stdout, /invalid_timestamp/);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /--no-such/);
});
