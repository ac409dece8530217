/** The words of `sluice demo`: what may be said, its defaults, and what is wrong with it. */
import { parseArgs } from 'node:util';
import { defaultStateFile } from './state.ts';

export interface DemoOptions {
  readonly url: string;
  /** Events per second. */
  readonly rate: number;
  /** null: until the signal. */
  readonly durationMs: number | null;
  readonly seed: number;
  readonly apiKey: string | undefined;
  readonly readKey: string | undefined;
  readonly backfillDays: number;
  /** Events of a mean day of the backfill. */
  readonly backfillPerDay: number;
  readonly verify: boolean;
  readonly live: boolean;
  readonly stateFile: string;
  readonly connections: number;
  readonly people: number;
}

export const demoHelp = `sluice demo: sends what a video platform would send, counts it, and can check the answers

  --url <url>              the service                               (default http://127.0.0.1:3002)
  --rate <n>               events per second, held                   (default 200)
  --duration <time>        30, 30s, 5m, 2h                           (default: until Ctrl-C)
  --seed <n>               the same seed makes the same events       (default 1)
  --people <n>             how many different viewers there are      (default by the rate, 4000 or more)
  --connections <n>        keep-alive connections                    (default 4)
  --api-key <key>          with the scope "ingest"
  --read-key <key>         for --verify: a key with "read", or a JWT (default: the API key)
  --backfill-days <n>      first send the last n days, as fast as they are taken; then live if --duration is given
  --backfill-per-day <n>   events of a mean day of the backfill      (default 50000)
  --verify                 compare every number with the demo's own count; exit 1 on a difference.
                           Without --duration and --backfill-days: verify what earlier runs sent
  --state <file>           where the counts are kept                 (default data/demo-<host>.json)
  --help
`;

/** Something is wrong with the command line. The message says what to write instead. */
export class UsageError extends Error {}

function number(name: string, text: string | undefined, fallback: number, low: number, high: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (text.trim() === '' || !(value >= low && value <= high)) {
    throw new UsageError(`--${name} is a number from ${low} to ${high}, not "${text}"`);
  }
  return value;
}

function duration(text: string | undefined): number | null {
  if (text === undefined) return null;
  const parts = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  if (!parts) throw new UsageError(`--duration is a time like 30s, 5m or 2h, not "${text}"`);
  const unit = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[parts[2] ?? 's']!;
  return Number(parts[1]) * unit;
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        url: { type: 'string', default: 'http://127.0.0.1:3002' },
        rate: { type: 'string' },
        duration: { type: 'string' },
        seed: { type: 'string' },
        people: { type: 'string' },
        connections: { type: 'string' },
        'api-key': { type: 'string' },
        'read-key': { type: 'string' },
        'backfill-days': { type: 'string' },
        'backfill-per-day': { type: 'string' },
        verify: { type: 'boolean', default: false },
        state: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (cause) {
    throw new UsageError(`${(cause as Error).message}. See sluice demo --help`, { cause });
  }
}

/** Options of a command line, or 'help'. Throws UsageError. */
export function readDemoOptions(argv: readonly string[]): DemoOptions | 'help' {
  const values = parse(argv);
  if (values.help) return 'help';
  const { url, verify } = values;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new UsageError(`--url is an address like http://127.0.0.1:3002, not "${url}"`);
  }
  const rate = number('rate', values.rate, 200, 0.1, 1_000_000);
  const durationMs = duration(values.duration);
  const backfillDays = number('backfill-days', values['backfill-days'], 0, 0, 3_650);
  return {
    url,
    rate,
    durationMs,
    seed: number('seed', values.seed, 1, 0, Number.MAX_SAFE_INTEGER),
    apiKey: values['api-key'],
    readKey: values['read-key'],
    backfillDays,
    backfillPerDay: number('backfill-per-day', values['backfill-per-day'], 50_000, 1, 1e9),
    verify,
    live: durationMs !== null || (backfillDays === 0 && !verify),
    stateFile: values.state ?? defaultStateFile(url),
    connections: number('connections', values.connections, 4, 1, 256),
    // A viewer makes an event every ten seconds or so, and most people are not watching.
    people: number(
      'people',
      values.people,
      Math.min(200_000, Math.max(4_000, Math.round(25 * rate))),
      1,
      1e7,
    ),
  };
}
