import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Static } from 'typebox';
import type { Io } from '../cli.ts';
import { readConfig } from '../config.ts';
import type { ErasureItem } from '../query/subjects.ts';

type Answer = Static<typeof ErasureItem>;

const HELP = `Usage: sluice subject erase <id> [--app a,b] [--url …] [--json]

Erases a person in the running service: every event with this user_id or anonymous_id that was received before, with its
sessions, views, derived events and dead letters; what counted them is recomputed. Without --app in every app. Waits until
it is done; broken off, the service goes on with it.

Asks with ANALYTICS_ADMIN_KEY. Exit code 0 when nothing of the person is left.
`;

const POLL_MS = 1_000;

export async function runSubject(argv: string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      app: { type: 'string' },
      url: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean' },
    },
  });
  const [verb, id, ...more] = positionals;
  if (values.help || verb !== 'erase' || id === undefined || id === '' || more.length > 0) {
    io[values.help ? 'stdout' : 'stderr'].write(HELP);
    return values.help ? 0 : 2;
  }
  const config = readConfig(process.env);
  const url = values.url ?? `http://127.0.0.1:${config.port}`;
  const ask = createAsk(url, config.adminKey);
  const apps = values.app === undefined ? '' : `?app_id=${encodeURIComponent(values.app)}`;
  let state = await ask('DELETE', `/v1/subjects/${encodeURIComponent(id)}${apps}`);
  const { erasure_id } = state;
  while (state.state === 'running' && !io.signal.aborted) {
    await delay(POLL_MS, undefined, { signal: io.signal }).catch(() => {});
    if (!io.signal.aborted) state = await ask('GET', `/v1/subjects/erasures/${erasure_id}`);
  }
  io.stdout.write(values.json ? `${JSON.stringify(state, null, 2)}\n` : describe(state));
  return state.after !== null && Object.values(state.after).every((count) => count === 0) ? 0 : 1;
}

function createAsk(url: string, key: string) {
  return async (method: 'GET' | 'DELETE', path: string): Promise<Answer> => {
    let answer: Response;
    try {
      answer = await fetch(new URL(path, url), {
        method,
        headers: { ...(key !== '' && { authorization: `Bearer ${key.split(',')[0]}` }) },
        signal: AbortSignal.timeout(60_000),
      });
    } catch (error) {
      const { cause } = error as Error;
      throw new Error(
        `Nothing answers at ${url} (${cause instanceof Error ? cause.message : String(error)}). Start the service, or give --url.`,
        { cause: error },
      );
    }
    const text = await answer.text();
    if (!answer.ok) throw new Error(`The service refused (${answer.status}): ${text}`);
    return JSON.parse(text) as Answer;
  };
}

function describe({ erasure_id, state, step, before, after, recomputed, log_erased_by }: Answer): string {
  if (before === null || after === null)
    return `Erasure ${erasure_id} is ${state} (${step}); the service goes on with it.\n`;
  const lines = Object.entries(before).map(
    ([name, count]) => `${name.padEnd(15)} ${count} before, ${after[name as keyof typeof after]} left`,
  );
  const days = new Set(recomputed.days.map(({ day }) => day));
  lines.push(`recomputed      ${days.size === 0 ? 'nothing' : [...days].join(', ')}`);
  lines.push(
    log_erased_by === null
      ? 'The bytes in Kafka go by the retention of its topics.'
      : `The bytes in the log go by its retention, by ${log_erased_by}.`,
  );
  return `${lines.join('\n')}\n`;
}
