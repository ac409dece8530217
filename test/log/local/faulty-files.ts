import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { after } from 'node:test';
import { type LogFiles, nodeFiles } from '../../../src/log/local/files.ts';
import { type LocalLog, type LocalLogOptions, openLocalLog } from '../../../src/log/local/local.ts';
import type { LogRecord, NewRecord } from '../../../src/log/log.ts';
import { readAs, record } from '../../contract/log.ts';

export const TOPIC = 'records';

export function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: injected`), { code });
}

/** The real file system; any operation can be replaced for a while by setting it on `fault`. */
export function createFaultyFiles(base: Partial<LogFiles> = {}): {
  files: LogFiles;
  fault: Partial<LogFiles>;
} {
  const fault: Partial<LogFiles> = {};
  const under = { ...nodeFiles, ...base };
  const files = new Proxy(under, {
    get: (target, name) => fault[name as keyof LogFiles] ?? target[name as keyof LogFiles],
  });
  return { files, fault };
}

/** A folder that is removed after the tests of the file. */
export async function makeFolder(): Promise<string> {
  const dir = await mkdtemp(`${tmpdir()}/sluice-log-`);
  after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** Nothing is kept in memory, so that every read is one of files. */
export function openAt(dir: string, options: Partial<LocalLogOptions> = {}): Promise<LocalLog> {
  const topics = [{ name: TOPIC, partitions: 1 }];
  return openLocalLog({ dir, topics, minFreeBytes: 0, recentBytesMax: 0, ...options });
}

export function appendText(log: LocalLog, ...values: string[]): Promise<void> {
  return log.topic(TOPIC).append(values.map((value): NewRecord => record(0, value)));
}

let readers = 0;

/** Every record of partition 0, read by a group of its own. */
export function readAll(log: LocalLog): Promise<LogRecord[]> {
  return readSome(log, `reader-${readers++}`);
}

async function readSome(log: LocalLog, group: string): Promise<LogRecord[]> {
  const [lag] = await log.topic(TOPIC).lag(group);
  return readAs(log.topic(TOPIC), group, lag?.records ?? 0);
}
