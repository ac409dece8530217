/**
 * The log on the local disk. In: records. Out: the same records, in order. Lost: nothing that was acknowledged, short
 * of a disk that lies.
 *
 *   <dir>/<topic>/<partition>/<base offset>.log    segments, see frame.ts
 *   <dir>/<topic>/groups/<group>.json              committed offsets
 *   <dir>/id                                       which log it is, see Topic.origin
 *   <dir>/lock.<pid>.<random>.sock                 the process that has the log open
 */
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import type { Log } from '../log.ts';
import { Commits } from './commits.ts';
import { type LogFiles, nodeFiles, replaceFile } from './files.ts';
import { FreeSpace } from './free-space.ts';
import { openLock } from './lock.ts';
import { openPartition, type TornTail } from './partition.ts';
import { Retention } from './retention.ts';
import { LocalTopic, type Shard } from './topic.ts';
import { PartitionWriter } from './writer.ts';

const ID_FILE = 'id';
const ID_BYTES = 8;
const LOG_ID = /^[0-9a-f]{16}$/;
const RETENTION_EVERY_MS = 60_000;
const TOPIC_NAME = /^(?!\.{1,2}$)[\w.-]{1,249}$/;

export interface LocalLogOptions {
  /** Made when it is not there. One process at a time. */
  readonly dir: string;
  /** Partitions may be added later, not taken away. */
  readonly topics: readonly { readonly name: string; readonly partitions: number }[];
  /** Size of a segment file, 64 MiB by default: removing a file costs 1.4 ms per MB on some disks. */
  readonly segmentBytes?: number;
  /** Segments whose records are all older go, when every group has read them. Default: never. */
  readonly retentionMs?: number;
  /** Per partition: above it the oldest segments go; when a group has not read them, nothing is taken. Default: none. */
  readonly retentionBytes?: number;
  /** Values of the last records that stay in memory for readers that keep up, per partition; default 32 MiB. */
  readonly recentBytesMax?: number;
  /** Below this much free disk space nothing is taken; default 256 MiB. */
  readonly minFreeBytes?: number;
  readonly files?: LogFiles;
  /** Epoch ms. */
  readonly now?: () => number;
  /** Failures that no caller hears of: a handler that failed, a file that could not be removed, a disk that lost data. */
  readonly onError?: (error: Error) => void;
  /** A crash had torn the last group; it was cut off. Nothing acknowledged was lost. */
  readonly onTornTail?: (torn: TornTail) => void;
}

export interface LocalLog extends Log {
  readonly kind: 'local';
  /** Removes what may go now; happens by itself with every new segment, every commit and once a minute. */
  retain(): Promise<void>;
}

type Resolved = Required<Omit<LocalLogOptions, 'topics'>>;

/**
 * Opens the log. Throws when another process has it, when the last segment of a partition has damage beyond a torn
 * tail (LogDamagedError), and when a topic has more partitions on disk than it should.
 */
export async function openLocalLog(options: LocalLogOptions): Promise<LocalLog> {
  const settings = applyDefaults(options);
  await settings.files.makeFolder(settings.dir);
  const lock = await openLock(settings.dir);
  const space = new FreeSpace(settings.files, settings.dir, settings.minFreeBytes, settings.now);
  const shards: Shard[] = [];
  const topics = new Map<string, LocalTopic>();
  try {
    await space.sample();
    const logId = await readLogId(settings);
    for (const { name, partitions } of options.topics) {
      const commits = await openCommits(settings, name, partitions);
      const ids = Array.from({ length: partitions }, (_, id) => id);
      const opened = await Promise.allSettled(ids.map((id) => openShard(settings, commits, name, id)));
      const own = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      shards.push(...own);
      for (const result of opened) if (result.status === 'rejected') throw result.reason;
      const { files, onError } = settings;
      topics.set(name, new LocalTopic({ name, logId, files, shards: own, commits, space, onError }));
    }
  } catch (error) {
    await Promise.all(shards.map(({ writer }) => writer.close()));
    await lock.release();
    throw error;
  }
  const retain = async (): Promise<void> => {
    await Promise.all(shards.map(({ retention }) => retention.run()));
  };
  const timer = setInterval(retain, RETENTION_EVERY_MS).unref();
  let closing: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    clearInterval(timer);
    await Promise.all([...topics.values()].map((topic) => topic.close()));
    await retain();
    await lock.release();
  };
  return {
    kind: 'local',
    topic: (name) => {
      const topic = topics.get(name);
      if (!topic) throw new Error(`the log has no topic '${name}', only ${[...topics.keys()].join(', ')}`);
      return topic;
    },
    health: () => {
      let reason = space.reason();
      for (const topic of topics.values()) reason ??= topic.reason();
      return { ok: reason === null, reason };
    },
    retain,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

function applyDefaults(options: LocalLogOptions): Resolved {
  for (const { name, partitions } of options.topics) {
    if (!TOPIC_NAME.test(name)) throw new RangeError(`'${name}' cannot be the name of a topic`);
    if (!Number.isInteger(partitions) || partitions < 1)
      throw new RangeError(`${name}: ${partitions} partitions`);
  }
  return {
    dir: resolve(options.dir),
    segmentBytes: options.segmentBytes ?? 64 * 1024 * 1024,
    retentionMs: options.retentionMs ?? Number.POSITIVE_INFINITY,
    retentionBytes: options.retentionBytes ?? Number.POSITIVE_INFINITY,
    recentBytesMax: options.recentBytesMax ?? 32 * 1024 * 1024,
    minFreeBytes: options.minFreeBytes ?? 256 * 1024 * 1024,
    files: options.files ?? nodeFiles,
    now: options.now ?? Date.now,
    onError: options.onError ?? (() => {}),
    onTornTail: options.onTornTail ?? (() => {}),
  };
}

/** Made once: whoever removes the folder gets another log. */
async function readLogId({ files, dir }: Resolved): Promise<string> {
  const path = `${dir}/${ID_FILE}`;
  if ((await files.list(dir)).includes(ID_FILE)) {
    const id = (await files.readText(path)).trim();
    if (LOG_ID.test(id)) return id;
    throw new Error(
      `${path} does not hold the log's id, ${ID_BYTES * 2} hex digits. Restore it from a backup of the folder.`,
    );
  }
  const id = randomBytes(ID_BYTES).toString('hex');
  await replaceFile(files, dir, ID_FILE, id);
  return id;
}

async function openCommits(settings: Resolved, topic: string, partitions: number): Promise<Commits> {
  const folder = `${settings.dir}/${topic}`;
  const commits = new Commits(settings.files, `${folder}/groups`);
  await commits.load();
  const onDisk = (await settings.files.list(folder)).filter((name) => /^\d+$/.test(name)).map(Number);
  const surplus = onDisk.find((id) => id >= partitions);
  if (surplus !== undefined) {
    throw new Error(
      `The log in ${folder} has a partition ${surplus}, but ${topic} is to have ${partitions}: its records would never ` +
        `be read. Set the number of partitions to ${Math.max(...onDisk) + 1} at least.`,
    );
  }
  return commits;
}

async function openShard(settings: Resolved, commits: Commits, topic: string, id: number): Promise<Shard> {
  const { files, segmentBytes, retentionMs, retentionBytes, now, onError, onTornTail } = settings;
  const folder = `${settings.dir}/${topic}/${id}`;
  const place = { topic, id, folder, endAtLeast: commits.most(id), recentBytesMax: settings.recentBytesMax };
  const { partition, fd } = await openPartition(files, place, { onTornTail, onLoss: onError });
  const floor = () => commits.floor(id);
  const retention = new Retention({ files, partition, retentionMs, retentionBytes, now, floor, onError });
  const writer = new PartitionWriter({
    files,
    partition,
    fd,
    segmentBytes,
    onRoll: () => void retention.run(),
  });
  return { partition, writer, retention };
}
