import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Io } from '../cli.ts';
import { readConfig } from '../config.ts';
import { openStore } from '../store/open.ts';
import { migrateStore } from '../tables.ts';
import { createLogger } from '../telemetry/logger.ts';

const HELP = `Usage: sluice migrate

Creates the database and its tables in ClickHouse (ANALYTICS_CH_URL, or the embedded one while the service is stopped), or
brings them to this version. Running it twice does nothing the second time.
`;

export async function runMigrate(argv: string[], io: Io): Promise<number> {
  const { values } = parseArgs({ args: argv, options: { help: { type: 'boolean' } } });
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  const config = readConfig(process.env);
  const logger = createLogger({ level: 'warn' });
  const store = await openStore({
    urls: config.chUrls,
    username: config.chUser,
    password: config.chPassword,
    database: config.chDatabase,
    dataDir: resolve(config.dataDir),
    memoryBytesMax: config.chMemoryBytes,
    log: logger,
  });
  try {
    const done = await migrateStore(config, store, logger);
    io.stdout.write(done.length === 0 ? 'The tables are up to date.\n' : `Applied ${done.join(', ')}.\n`);
    return 0;
  } finally {
    await store.close();
  }
}
