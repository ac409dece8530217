/** Where the engine's shared library is: an optional npm package per platform. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { EmbeddedError } from './error.ts';

const PACKAGES: Record<string, string> = {
  'linux-x64': '@chdb/lib-linux-x64-gnu',
  'linux-arm64': '@chdb/lib-linux-arm64-gnu',
  'darwin-x64': '@chdb/lib-darwin-x64',
  'darwin-arm64': '@chdb/lib-darwin-arm64',
};
const BINDING = 'ffi-rs';
const ADVICE = 'Install it, or set ANALYTICS_CH_URL to the URL of a ClickHouse server.';

/** Resolves a package's main file or package.json; throws when it is not installed. */
export type Resolve = (specifier: string) => string;

/** The path of libchdb.so. Throws EmbeddedError `unsupported` or `missing_package`, with what to do about it. */
export function findEngineLibrary(
  platform: string = `${process.platform}-${process.arch}`,
  resolve: Resolve = createRequire(import.meta.url).resolve,
): string {
  const name = PACKAGES[platform];
  if (name === undefined) {
    throw new EmbeddedError(
      'unsupported',
      `There is no embedded ClickHouse for ${platform}. Set ANALYTICS_CH_URL to the URL of a ClickHouse server.`,
    );
  }
  const packageFile = find(`${name}/package.json`, name, resolve);
  find(BINDING, BINDING, resolve);
  const library = join(dirname(packageFile), 'libchdb.so');
  if (!existsSync(library)) {
    throw new EmbeddedError('missing_package', `The package ${name} holds no libchdb.so. ${ADVICE}`);
  }
  return library;
}

function find(specifier: string, name: string, resolve: Resolve): string {
  try {
    return resolve(specifier);
  } catch (cause) {
    const message = `Embedded ClickHouse needs the optional package ${name}, which is not installed. ${ADVICE}`;
    throw new EmbeddedError('missing_package', message, { cause });
  }
}
