import { existsSync } from 'node:fs';
import { ConfigError, readConfig, settingsMarkdown } from './config.ts';
import { StartError } from './start-error.ts';
import { readVersion } from './version.ts';

/** The command line: `sluice <command>`. Exit codes: 0 done, 1 failed, 2 wrong words or settings. */

export interface Io {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Aborted at SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
}

type Command = (argv: string[], io: Io) => Promise<number>;

/** Each is loaded when it is called: none waits for what only another needs. */
const commands: Readonly<Record<string, { load: () => Promise<Command>; doc: string }>> = {
  start: {
    load: async () => (await import('./commands/start.ts')).runStart,
    doc: 'run the service (all roles, or --roles ingest,pipeline,query,live)',
  },
  demo: {
    load: async () => (await import('./demo/demo.ts')).runDemo,
    doc: 'send a realistic stream of viewers, and verify the numbers',
  },
  migrate: {
    load: async () => (await import('./commands/migrate.ts')).runMigrate,
    doc: 'create or update the tables in ClickHouse',
  },
  log: {
    load: async () => (await import('./commands/log.ts')).runLog,
    doc: 'move the local log to Kafka (log move)',
  },
  replay: {
    load: async () => (await import('./commands/replay.ts')).runReplayCommand,
    doc: 'compare what is stored with the log, and repair it',
  },
  topics: {
    load: async () => (await import('./commands/topics.ts')).runTopics,
    doc: 'create the topics in Kafka (topics create)',
  },
  status: {
    load: async () => (await import('./commands/status.ts')).runStatus,
    doc: 'say how a running service is',
  },
  dlq: {
    load: async () => (await import('./commands/dlq.ts')).runDlq,
    doc: 'list, fix, replay and discard dead letters',
  },
  subject: {
    load: async () => (await import('./commands/subject.ts')).runSubject,
    doc: 'erase a person (subject erase <id>)',
  },
  app: { load: async () => (await import('./commands/app.ts')).runApp, doc: 'create and list apps' },
  key: {
    load: async () => (await import('./commands/key.ts')).runKey,
    doc: 'create, list, rotate and revoke API keys',
  },
  plan: {
    load: async () => (await import('./commands/plan.ts')).runPlan,
    doc: 'list, put and delete tracking plans',
  },
  alert: {
    load: async () => (await import('./commands/alert.ts')).runAlert,
    doc: 'list, show, set and delete alerts',
  },
  settings: { load: async () => printSettings, doc: 'print every setting as a table' },
};

const HELP = `Usage: sluice <command> [options]

Commands:
${Object.entries(commands)
  .map(([name, { doc }]) => `  ${name.padEnd(10)} ${doc}`)
  .join('\n')}

Options:
  --help      this text; after a command, its own
  --version   the version

Settings are environment variables; \`sluice settings\` lists them.
`;

/** Resolves with the exit code. */
export async function main(argv: string[]): Promise<number> {
  const [name = '--help', ...rest] = argv;
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${readVersion()}\n`);
    return 0;
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(HELP);
    return argv.length === 0 ? 2 : 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) {
    process.stderr.write(`sluice: there is no command '${name}'.\n\n${HELP}`);
    return 2;
  }
  // As seed 002 has it: settings in a file beside the data. What the environment says wins.
  if (existsSync('.env')) process.loadEnvFile('.env');
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => ending.abort(signal));
  try {
    const run = await command.load();
    return await run(rest, { stdout: process.stdout, stderr: process.stderr, signal: ending.signal });
  } catch (error) {
    return report(error);
  }
}

function report(error: unknown): number {
  if (error instanceof ConfigError) {
    process.stderr.write(`sluice: ${error.message}\n\`sluice settings\` lists every setting.\n`);
    return 2;
  }
  if (error instanceof StartError) {
    process.stderr.write(`sluice: ${error.message}\n`);
    return 1;
  }
  if (isWordsError(error)) {
    process.stderr.write(`sluice: ${error.message}\nTry --help.\n`);
    return 2;
  }
  process.stderr.write(
    `sluice: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  return 1;
}

/** What node:util's parseArgs throws over wrong words. */
function isWordsError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}

async function printSettings(_argv: string[], io: Io): Promise<number> {
  readConfig({});
  io.stdout.write(`${settingsMarkdown()}\n`);
  return 0;
}
