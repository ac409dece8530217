import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { openLocalLog } from '../../../src/log/local/local.ts';
import { describeLogContract } from '../../contract/log.ts';

// From memory, from files, and changing over between the two.
for (const recentBytesMax of [32 * 1024 * 1024, 0, 2_000])
  describeLogContract(`local, ${recentBytesMax} bytes in memory`, async (partitions) => {
    const dir = await mkdtemp(`${tmpdir()}/sluice-log-`);
    const open = () =>
      openLocalLog({ dir, topics: [{ name: 'records', partitions }], minFreeBytes: 0, recentBytesMax });
    let log = await open();
    return {
      get log() {
        return log;
      },
      topic: 'records',
      reopen: async () => {
        await log.close();
        log = await open();
        return log;
      },
      dispose: async () => {
        await log.close();
        await rm(dir, { recursive: true, force: true });
      },
    };
  });
