/**
 * The service in a process of its own, put together as `sluice start` does. It tells its parent where things are, and
 * takes a CPU profile of its main thread when told to.
 */
import { Session } from 'node:inspector/promises';
import { readConfig } from '../src/config.ts';
import { startService } from '../src/service.ts';
import { createLogger } from '../src/telemetry/logger.ts';
import type { CpuProfile } from './profile.ts';
import type { SubjectCommand, SubjectMessage } from './subject.ts';

const tell = (message: SubjectMessage) => process.send!(message);
const service = await startService(readConfig(process.env), createLogger({ level: 'warn' }));
const session = new Session();

/** Sampled coarsely, so that it hardly disturbs what it looks at. */
async function startProfile(): Promise<void> {
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 1_000 });
  await session.post('Profiler.start');
}

async function stopProfile(): Promise<CpuProfile> {
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  return profile as CpuProfile;
}

async function stop(): Promise<void> {
  await service.stop();
  process.exit(0);
}

process.on('message', async (command: SubjectCommand) => {
  if (command === 'profile') await startProfile();
  else if (command === 'profiled') tell({ type: 'profile', profile: await stopProfile() });
  else await stop();
});
// The parent is gone, and so is the reason to be here.
process.on('disconnect', () => void stop());

tell({
  type: 'facts',
  facts: {
    url: service.url,
    metricsUrl: service.metricsUrl,
    endpoint: await service.store!.endpoint(),
    database: service.store!.client.database,
    clickhousePid: service.store!.pid(),
    clickhouse: service.clickhouse,
  },
});
