import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Io } from '../cli.ts';
import { readConfig } from '../config.ts';
import type { ReplayState } from '../replay-routes.ts';
import type { ReplayDifference } from '../store/replay.ts';

const HELP = `Usage: sluice replay --from <time|offset> [--to <time|offset>] [--topic name] [--partition n]
                     [--swap] [--url …] [--json]

Reads a range of the log again, in the running service that has the role pipeline, and compares what it says with what is
stored: events that are missing, rows that are different, rows that the log does not know. A time is that of receipt, as
ISO 8601; without --to it goes up to what is processed. With --swap the stored rows are made what the log says, and
everything that is counted from them is recomputed. Ingest and pipeline go on meanwhile.

Asks with ANALYTICS_ADMIN_KEY. Exit code 0 when there is no difference (any more), 1 otherwise. Ctrl-C ends the replay.
`;

const POLL_MS = 250;
const BAR_WIDTH = 32;

export async function runReplayCommand(argv: string[], io: Io): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      from: { type: 'string' },
      to: { type: 'string' },
      topic: { type: 'string' },
      partition: { type: 'string' },
      swap: { type: 'boolean', default: false },
      url: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean' },
    },
  });
  if (values.help || values.from === undefined) {
    io[values.help ? 'stdout' : 'stderr'].write(HELP);
    return values.help ? 0 : 2;
  }
  const config = readConfig(process.env);
  const { from, to, topic, swap } = values;
  const partition = values.partition === undefined ? undefined : Number(values.partition);
  const ask = createAsk(values.url ?? `http://127.0.0.1:${config.port}`, config.adminKey);
  let state = await ask('POST', { from, to, topic, partition, swap });
  while (state.state === 'running') {
    if (!values.json) draw(io, state);
    await delay(POLL_MS);
    state = await ask(io.signal.aborted ? 'DELETE' : 'GET');
  }
  if (!values.json) draw(io, state);
  if (values.json) io.stdout.write(`${JSON.stringify(state, null, 2)}\n`);
  else if (state.error !== null) io.stderr.write(`\nsluice: ${state.error}\n`);
  else io.stdout.write(`\n${describe(state)}`);
  const left = state.progress?.remaining ?? state.progress?.difference ?? null;
  return state.state === 'done' && left !== null && count(left) === 0 ? 0 : 1;
}

function createAsk(url: string, key: string) {
  return async (method: 'GET' | 'POST' | 'DELETE', body?: object): Promise<ReplayState> => {
    let answer: Response;
    try {
      answer = await fetch(new URL('/v1/replay', url), {
        method,
        headers: {
          ...(key !== '' && { authorization: `Bearer ${key.split(',')[0]}` }),
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(30_000),
      });
    } catch (error) {
      const { cause } = error as Error;
      throw new Error(
        `Nothing answers at ${url} (${cause instanceof Error ? cause.message : String(error)}). A replay runs within the service: start it, or give --url.`,
        { cause: error },
      );
    }
    const text = await answer.text();
    if (!answer.ok) throw new Error(`The service refused the replay (${answer.status}): ${readDetail(text)}`);
    return JSON.parse(text) as ReplayState;
  };
}

function readDetail(text: string): string {
  try {
    return (JSON.parse(text) as { detail?: string }).detail ?? text;
  } catch {
    return text;
  }
}

/** One line, drawn over itself on a terminal. */
function draw(io: Io, { progress }: ReplayState): void {
  if (progress === null || !io.stderr.isTTY) return;
  const { read, records, phase } = progress;
  const share = records === 0 ? 1 : read / records;
  const bar = '█'.repeat(Math.round(share * BAR_WIDTH)).padEnd(BAR_WIDTH, '░');
  io.stderr.write(`\r${bar} ${Math.floor(share * 100)} %  ${read} of ${records} records, ${phase}   `);
}

const count = ({ days }: ReplayDifference) =>
  days.reduce((sum, { missing, different, surplus }) => sum + missing + different + surplus, 0);

function describe({ progress, swap }: ReplayState): string {
  const { difference, remaining, ranges, records } = progress!;
  const lines = ranges.map(
    ({ topic, partition, from, until }) =>
      `${topic}, partition ${partition}: offsets ${from} to ${until - 1}`,
  );
  if (records === 0) return 'The range holds no records.\n';
  const rows = difference!.days.filter((day) => day.missing + day.different + day.surplus > 0);
  if (rows.length === 0) lines.push('What is stored is what the log says.');
  for (const { day, app_id, stored, missing, different, surplus } of rows)
    lines.push(
      `${day}  ${app_id}: ${stored} stored, ${missing} missing, ${different} different, ${surplus} not in the log`,
    );
  for (const { kind, app_id, event_id } of difference!.examples)
    lines.push(`  ${kind} ${event_id} (${app_id})`);
  if (swap)
    lines.push(
      remaining !== null && count(remaining) === 0
        ? 'Swapped: no difference is left.'
        : 'Swapped, and a difference is left: run it again.',
    );
  else if (rows.length > 0) lines.push('Nothing was changed; --swap makes it so.');
  return `${lines.join('\n')}\n`;
}
