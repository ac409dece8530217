import { parseArgs } from 'node:util';
import type { Io } from '../cli.ts';
import { readConfig } from '../config.ts';

const HELP = `Usage: sluice status [--url http://127.0.0.1:3002] [--json]

Asks a running service how it is. Exit code 0 when events can be taken and every part is well, 1 otherwise.
`;

interface HealthAnswer {
  readonly status: string;
  readonly parts: readonly {
    readonly name: string;
    readonly state: string;
    readonly reason: string | null;
  }[];
}

export async function runStatus(argv: string[], io: Io): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: { url: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
  });
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  const config = readConfig(process.env);
  const url = values.url ?? `http://127.0.0.1:${config.port}`;
  let health: HealthAnswer;
  try {
    const answer = await fetch(new URL('/health', url), { signal: AbortSignal.timeout(5_000) });
    health = (await answer.json()) as HealthAnswer;
  } catch (error) {
    const cause =
      error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    io.stderr.write(
      `sluice: nothing answers at ${url} (${cause}). Is the service running? Give --url if it is elsewhere.\n`,
    );
    return 1;
  }
  if (values.json) io.stdout.write(`${JSON.stringify(health, null, 2)}\n`);
  else {
    io.stdout.write(`${url} is ${health.status}\n`);
    for (const { name, state, reason } of health.parts ?? [])
      io.stdout.write(`  ${name.padEnd(12)} ${state}${reason ? `: ${reason}` : ''}\n`);
  }
  return health.status === 'ok' ? 0 : 1;
}
