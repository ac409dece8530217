import { X509Certificate } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Logger } from '../telemetry/logger.ts';

/**
 * Certificate and key of the port, from files that somebody else renews. In: two paths. Out: pairs that belong together,
 * whenever the files have changed. A pair that is broken is never handed on: the one before stays in use.
 *
 * The files are looked at, not watched: a rename, another target of a symbolic link on the way (as Kubernetes mounts
 * secrets) and a network's file system all look alike from here.
 */

export interface TlsPair {
  /** PEM. */
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface TlsWatch {
  stop(): Promise<void>;
}

const LOOK_EVERY_MS = 1_000;

/** Rejects with what the operator can mend: a file that cannot be read, holds no PEM, or belongs to another. */
export async function readTlsFiles({ certFile, keyFile }: TlsFiles): Promise<TlsPair> {
  const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    throw new Error(
      `${certFile} and ${keyFile} are no certificate and its key, both as PEM (${(cause as Error).message}).`,
      { cause },
    );
  }
  return { cert, key };
}

/** @param used the pair that is in use now */
export function watchTlsFiles(
  files: TlsFiles,
  used: TlsPair,
  use: (pair: TlsPair) => void,
  logger: Pick<Logger, 'info' | 'warn'>,
  everyMs = LOOK_EVERY_MS,
): TlsWatch {
  let current = used;
  /** How the files were when they were read last, with whatever outcome. */
  let seen: string | null = null;
  let looking: Promise<void> = Promise.resolve();

  async function look(): Promise<void> {
    // Before they are read: what is written meanwhile is seen the next time.
    const now = await describeFiles(files);
    if (now === seen) return;
    seen = now;
    try {
      const pair = await readTlsFiles(files);
      if (pair.cert.equals(current.cert) && pair.key.equals(current.key)) return;
      use(pair);
      current = pair;
      const { subject, validTo } = new X509Certificate(pair.cert);
      logger.info({ subject, valid_to: validTo }, 'the certificate was read again; new connections get it');
    } catch (error) {
      logger.warn(
        { err: error, ...files },
        'the new certificate cannot be used, and the one before stays in use; it is tried again when the files change',
      );
    }
  }

  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    looking = look().finally(() => {
      busy = false;
    });
  }, everyMs);
  timer.unref();
  return {
    async stop() {
      clearInterval(timer);
      await looking;
    },
  };
}

/** Another text when one of them is another file, or was written to. */
async function describeFiles({ certFile, keyFile }: TlsFiles): Promise<string> {
  const all = await Promise.all(
    [certFile, keyFile].map((file) => stat(file, { bigint: true }).catch((error: Error) => error)),
  );
  return all.map((found) => (found instanceof Error ? found.message : describeStat(found))).join(' ');
}

function describeStat({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}
