import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Io } from '../cli.ts';
import { readConfig } from '../config.ts';
import { openKernel } from '../event/kernel/wasm.ts';
import { createSpread, keepTogether, moveRecords } from '../move-log.ts';
import { openLogAtKafka, openLogHere, readersOf } from '../open-log.ts';
import { forOperator, StartError } from '../start-error.ts';
import { createLogger } from '../telemetry/logger.ts';

const HELP = `Usage: sluice log move

Takes what the local log holds and ClickHouse does not have yet to the topics at ANALYTICS_KAFKA_BROKERS. The service that
used the local log is stopped before. Run it again after a failure: an event that is moved twice counts once.
`;

export async function runLog(argv: string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: { help: { type: 'boolean' } },
  });
  if (values.help || positionals.join(' ') !== 'move') {
    (values.help ? io.stdout : io.stderr).write(HELP);
    return values.help ? 0 : 2;
  }
  const config = readConfig(process.env);
  if (config.kafkaBrokers.length === 0)
    throw new StartError('ANALYTICS_KAFKA_BROKERS is not set: there is nowhere to move the log to.');
  const logger = createLogger({ level: 'warn' });
  const kernel = await openKernel();
  const local = await forOperator(openLogHere(config, resolve(config.dataDir), logger));
  try {
    const kafka = await forOperator(openLogAtKafka(config, logger));
    try {
      for (const [topic, group] of readersOf(config)) {
        const moved = await moveRecords({
          from: local.topic(topic),
          group,
          to: kafka.topic(topic),
          place: topic === config.topic ? createSpread(kernel.scanner) : keepTogether,
          signal: io.signal,
          progress: (done, total) => io.stderr.write(`\r${topic}: ${done} of ${total} records`),
        });
        io.stdout.write(`${moved > 0 ? '\n' : ''}${topic}: ${moved} records moved.\n`);
      }
    } finally {
      await kafka.close();
    }
  } finally {
    await local.close();
  }
  return 0;
}
