import { parseArgs } from 'node:util';
import { FIRST_KEY_ID } from '../catalog/keys.ts';
import type { Io } from '../cli.ts';
import { type Config, isLoopback, readConfig, takesTokens } from '../config.ts';
import { type Service, startService } from '../service.ts';
import { createLogger, type LogLevel } from '../telemetry/logger.ts';

const HELP = `Usage: sluice start [--roles ingest,pipeline,query,live]

Runs the service until SIGTERM or Ctrl-C. Without settings everything is embedded: a durable log, ClickHouse and the
catalogue live in ./data, the API and the dashboard listen on http://127.0.0.1:3002, Prometheus on port 8000.
`;

const LAST_RESORT_AFTER_MS = 1_000;

export async function runStart(argv: string[], io: Io): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: { roles: { type: 'string' }, help: { type: 'boolean' } },
  });
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  const roles = values.roles === undefined ? {} : { ANALYTICS_ROLES: values.roles };
  const config = readConfig({ ...process.env, ...roles });
  const logger = createLogger({ level: config.logLevel as LogLevel });
  const began = performance.now();
  io.signal.addEventListener('abort', () => endAnyway(config, io), { once: true });
  const service = await startService(config, logger);
  io.stderr.write(describe(config, service, performance.now() - began));
  if (!io.signal.aborted)
    await new Promise((resolve) => io.signal.addEventListener('abort', resolve, { once: true }));
  io.stderr.write('sluice is stopping; what was acknowledged is safe …\n');
  await service.stop();
  io.stderr.write('sluice has stopped.\n');
  return 0;
}

/**
 * The last resort, when a part hangs while it starts or stops: the process ends within the promised ten seconds. As after
 * a crash, nothing that was acknowledged is lost, and ClickHouse ends with its parent.
 */
function endAnyway(config: Config, io: Io): void {
  setTimeout(() => {
    io.stderr.write('sluice did not stop in order and ends now; what was acknowledged is safe.\n');
    process.exit(1);
  }, config.stopDeadlineMs + LAST_RESORT_AFTER_MS).unref();
}

/** A few lines for the person at the terminal. */
function describe(config: Config, service: Service, tookMs: number): string {
  const guard = service.open
    ? 'open to anyone on this machine (set ANALYTICS_ADMIN_KEY to close it)'
    : ['keys', ...(takesTokens(config) ? ['tokens'] : [])].join(' and ');
  const closed = config.ingestApiKey !== '' || config.ingestKeyRequired;
  const ingest = closed ? 'asks for a key' : 'open to anyone who can reach it';
  const lines = [
    ['Dashboard', service.url],
    ['Ingest', `POST ${service.url}/events (${ingest})`],
    ['API docs', `${service.url}/docs`],
    ['Prometheus', service.metricsUrl],
    ['Roles', [...config.roleSet].join(', ')],
    ['Data', service.dataDir],
    ['ClickHouse', service.clickhouse],
    ['Node', process.version],
    [
      'Access',
      `${guard}${isLoopback(config.host) ? '; listening on loopback only' : `; listening on ${config.host}`}`,
    ],
  ];
  const body = lines.map(([name, value]) => `  ${name!.padEnd(11)} ${value}`).join('\n');
  return `\nsluice is ready (${(tookMs / 1000).toFixed(1)} s)\n${body}\n\n${describeFirstKey(service)}`;
}

function describeFirstKey({ firstKey }: Service): string {
  if (firstKey === null) return '';
  return `  Nobody could query from outside, so a key of the scopes read and admin was made:

    ${firstKey}

  It is shown this once; only its hash is kept. \`sluice key rotate ${FIRST_KEY_ID}\` makes another.

`;
}
