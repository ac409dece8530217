import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { readConfig } from '../config.ts';
import { openCatalogHere } from '../open-catalog.ts';
import { forOperator } from '../start-error.ts';

/** Commands on the catalogue itself: who may read the data folder, or knows PostgreSQL's password, needs no key. */

/** Words that are wrong, as node:util's parseArgs says it. */
export class WordsError extends Error {
  readonly code = 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE';
}

export async function withCatalog<T>(work: (catalog: Catalog) => Promise<T>): Promise<T> {
  const config = readConfig(process.env);
  const catalog = await forOperator(openCatalogHere(config, resolve(config.dataDir)));
  try {
    return await work(catalog);
  } finally {
    await catalog.close();
  }
}

/** Writes down what the command did, as the API does. */
export async function noteCommand({ audit }: Catalog, action: string, target: string): Promise<void> {
  await audit.add({ by: `cli:${userName()}`, apps: null, action: `sluice ${action}`, target });
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // In a container the user may have no name.
    return String(process.getuid?.() ?? '');
  }
}
