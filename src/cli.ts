import { existsSync } from 'node:fs';
import { runApp } from './commands/app.ts';
import { runDlq } from './commands/dlq.ts';
import { runKey } from './commands/key.ts';
import { runLog } from './commands/log.ts';
import { runMigrate } from './commands/migrate.ts';
import { runReplayCommand } from './commands/replay.ts';
import { runStart } from './commands/start.ts';
import { runStatus } from './commands/status.ts';
import { runTopics } from './commands/topics.ts';
import { ConfigError, readConfig, settingsMarkdown } from './config.ts';
import { runDemo } from './demo/demo.ts';
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

const commands: Readonly<Record<string, { run: Command; doc: string }>> = {
  start: { run: runStart, doc: 'run the service (all roles, or --roles ingest,pipeline,query,live)' },
  demo: { run: runDemo, doc: 'send a realistic stream of viewers, and verify the numbers' },
  migrate: { run: runMigrate, doc: 'create or update the tables in ClickHouse' },
  log: { run: runLog, doc: 'move the local log to Kafka (log move)' },
  replay: { run: runReplayCommand, doc: 'compare what is stored with the log, and repair it' },
  topics: { run: runTopics, doc: 'create the topics in Kafka (topics create)' },
  status: { run: runStatus, doc: 'say how a running service is' },
  dlq: { run: runDlq, doc: 'list, fix, replay and discard dead letters' },
  app: { run: runApp, doc: 'create and list apps' },
  key: { run: runKey, doc: 'create, list, rotate and revoke API keys' },
  settings: { run: printSettings, doc: 'print every setting as a table' },
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
    return await command.run(rest, { stdout: process.stdout, stderr: process.stderr, signal: ending.signal });
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
