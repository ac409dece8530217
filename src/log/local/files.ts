import fs, { constants } from 'node:fs';
import { mkdir, readdir, readFile, rename, stat, statfs, unlink } from 'node:fs/promises';

/**
 * What the log asks of the file system. It is an argument, so that tests can make any of it fail.
 * Descriptors are numbers and calls are the callback API's: on the append path this is the cheapest that Node has.
 */
export interface LogFiles {
  /** True: a write to a descriptor of `openForAppend` is durable when it returns. False: it needs `sync`. */
  readonly writesAreDurable: boolean;
  /** Opens for reading and writing; `create` makes a new, empty file (or empties the one that is there). */
  openForAppend(path: string, create: boolean): Promise<number>;
  openForRead(path: string): Promise<number>;
  close(fd: number): Promise<void>;
  /** Reads into the whole of `buffer`, or less at the end of the file; the number of bytes. */
  read(fd: number, buffer: Uint8Array, position: number): Promise<number>;
  /** May write less than asked; the number of bytes. */
  writev(fd: number, buffers: readonly Uint8Array[], position: number): Promise<number>;
  truncate(fd: number, bytes: number): Promise<void>;
  sync(fd: number): Promise<void>;
  /** Makes new names in a folder durable. */
  syncFolder(path: string): Promise<void>;
  makeFolder(path: string): Promise<void>;
  /** Names in a folder. */
  list(path: string): Promise<string[]>;
  size(path: string): Promise<number>;
  readText(path: string): Promise<string>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Bytes that this process may still use on the disk of `path`. */
  freeBytes(path: string): Promise<number>;
}

// O_DSYNC saves the second call of every group (5-10 % of its CPU); where the platform lacks it, `sync` follows each write.
const DURABLE_WRITES = constants.O_DSYNC ?? 0;

function open(path: string, flags: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, flags, 0o644, (error, fd) => (error ? reject(error) : resolve(fd)));
  });
}

function done(resolve: () => void, reject: (error: Error) => void): (error: Error | null) => void {
  return (error) => (error ? reject(error) : resolve());
}

async function readFully(fd: number, buffer: Uint8Array, position: number): Promise<number> {
  let filled = 0;
  while (filled < buffer.length) {
    const got = await new Promise<number>((resolve, reject) => {
      fs.read(fd, buffer, filled, buffer.length - filled, position + filled, (error, bytes) =>
        error ? reject(error) : resolve(bytes),
      );
    });
    if (got === 0) break;
    filled += got;
  }
  return filled;
}

async function syncFolder(path: string): Promise<void> {
  const fd = await open(path, constants.O_RDONLY);
  try {
    await new Promise<void>((resolve, reject) => fs.fsync(fd, done(resolve, reject)));
  } finally {
    await nodeFiles.close(fd);
  }
}

/** The real file system. */
export const nodeFiles: LogFiles = {
  writesAreDurable: DURABLE_WRITES !== 0,
  openForAppend: (path, create) =>
    open(path, constants.O_RDWR | DURABLE_WRITES | (create ? constants.O_CREAT | constants.O_TRUNC : 0)),
  openForRead: (path) => open(path, constants.O_RDONLY),
  close: (fd) => new Promise((resolve, reject) => fs.close(fd, done(resolve, reject))),
  read: readFully,
  writev: (fd, buffers, position) =>
    new Promise((resolve, reject) => {
      fs.writev(fd, buffers, position, (error, bytes) => (error ? reject(error) : resolve(bytes)));
    }),
  truncate: (fd, bytes) => new Promise((resolve, reject) => fs.ftruncate(fd, bytes, done(resolve, reject))),
  sync: (fd) => new Promise((resolve, reject) => fs.fdatasync(fd, done(resolve, reject))),
  syncFolder,
  makeFolder: async (path) => {
    await mkdir(path, { recursive: true });
  },
  list: (path) => readdir(path),
  size: async (path) => (await stat(path)).size,
  readText: (path) => readFile(path, 'utf8'),
  rename,
  unlink,
  freeBytes: async (path) => {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  },
};

/** Writes all of `buffers`, however often the system takes only a part; throws what the system throws. */
export async function writeFully(
  files: LogFiles,
  fd: number,
  buffers: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let rest = buffers;
  let at = position;
  while (rest.length > 0) {
    const written = await files.writev(fd, rest, at);
    at += written;
    rest = withoutFirst(rest, written);
    // A write of nothing that is not an error would repeat for ever.
    if (written === 0 && rest.length > 0) throw new Error('the file system took none of the bytes');
  }
}

function withoutFirst(buffers: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes;
  let first = 0;
  while (first < buffers.length && skip >= (buffers[first]?.length ?? 0)) {
    skip -= buffers[first]?.length ?? 0;
    first++;
  }
  const rest = buffers.slice(first);
  if (skip > 0 && rest[0]) rest[0] = rest[0].subarray(skip);
  return rest;
}

/** Replaces a small file so that a crash leaves either the old or the new one; durable when it resolves. */
export async function replaceFile(
  files: LogFiles,
  folder: string,
  name: string,
  text: string,
): Promise<void> {
  const path = `${folder}/${name}`;
  const fd = await files.openForAppend(`${path}.tmp`, true);
  try {
    await writeFully(files, fd, [Buffer.from(text)], 0);
    await files.sync(fd);
  } finally {
    await files.close(fd);
  }
  await files.rename(`${path}.tmp`, path);
  await files.syncFolder(folder);
}
