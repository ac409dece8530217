import { createHash, randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readdirSync, realpathSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

/** A Unix socket's address has 108 bytes on Linux and 104 on macOS, a zero included. */
const SOCKET_PATH_BYTES_MAX = 103;
const NAME = /^lock\.(\d+)\.[0-9a-f]{8}\.sock$/;
const ATTEMPTS = 5;

export interface Lock {
  release(): Promise<void>;
}

/** Where the sockets lie, by a path that is short enough for a socket's address. */
interface SocketFolder {
  readonly path: string;
  readonly close: () => void;
}

/**
 * Locks a folder for this process: a listening socket in it, which the system ends with the process, however it dies.
 * Every attempt has a name of its own, so a dead one can be removed without ever removing a living one. It listens
 * first and looks for others afterwards: of two that come at once, at least one sees the other.
 *
 * Throws when another process, or this one, has the lock.
 */
export async function openLock(dir: string): Promise<Lock> {
  const folder = openSocketFolder(dir);
  let holder: string | null = null;
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const name = `lock.${process.pid}.${randomBytes(4).toString('hex')}.sock`;
      const server = await listen(`${folder.path}/${name}`);
      const found = await findOthers(folder.path, name);
      if (found.own && found.holder === null) return createLock(server, folder);
      await close(server);
      holder = found.holder ?? holder;
      // Two that began together both step back: an uneven pause lets one of them be first.
      await delay(5 + Math.random() * 40);
    }
  } catch (error) {
    folder.close();
    throw error;
  }
  folder.close();
  const who = holder === String(process.pid) ? `this process (${holder})` : `process ${holder ?? 'unknown'}`;
  throw new Error(
    `The log in ${dir} is in use by ${who}. One process can write it: stop that one, or give this one a folder of ` +
      'its own (ANALYTICS_DATA_DIR). Roles in processes of their own need Kafka (ANALYTICS_KAFKA_BROKERS).',
  );
}

function createLock(server: Server, folder: SocketFolder): Lock {
  server.unref();
  return {
    // Closing the server unlinks its socket by the short path, so the folder has to be open until then.
    release: async () => {
      await close(server);
      folder.close();
    },
  };
}

function openSocketFolder(dir: string): SocketFolder {
  const fits = (path: string): boolean =>
    Buffer.byteLength(`${path}/lock.4294967296.00000000.sock`) <= SOCKET_PATH_BYTES_MAX;
  if (fits(dir)) return { path: dir, close: () => {} };
  if (process.platform === 'linux') {
    const fd = openSync(dir, 'r');
    return { path: `/proc/self/fd/${fd}`, close: () => closeSync(fd) };
  }
  const hash = createHash('sha256').update(realpathSync(dir)).digest('hex').slice(0, 16);
  const path = `${tmpdir()}/sluice-${hash}`;
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return { path, close: () => {} };
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject);
    server.listen(path, () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** Looks at all other sockets, removes the dead. `own` is false when another took ours for dead before it listened. */
async function findOthers(folder: string, ownName: string): Promise<{ own: boolean; holder: string | null }> {
  let own = false;
  let holder: string | null = null;
  for (const name of readdirSync(folder)) {
    const pid = NAME.exec(name)?.[1];
    if (pid === undefined) continue;
    if (name === ownName) own = true;
    else if (await isAlive(`${folder}/${name}`)) holder = pid;
    else removeDead(`${folder}/${name}`);
  }
  return { own, holder };
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // Only a refusal proves that nobody listens; whatever else goes wrong must not end somebody's lock.
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT');
    });
  });
}

function removeDead(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
