/** The service in a process of its own, as `sluice start` runs it, that also tells its parent where ClickHouse is. */
import { readConfig } from '../../src/config.ts';
import { startService } from '../../src/service.ts';
import { createLogger } from '../../src/telemetry/logger.ts';

// A test that dies must not leave its service behind.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

const config = readConfig(process.env);
const service = await startService(config, createLogger({ level: 'warn' }));
const tell = async () => {
  // A process that only takes events has no store.
  const { store } = service;
  const endpoint = store === null ? null : await store.endpoint();
  process.send!({ url: service.url, endpoint, clickhousePid: store?.pid() ?? null });
};
process.on('message', () => void tell());
process.on('SIGTERM', () => {
  void service.stop().then(() => process.exit(0));
});
await tell();
