import { join } from 'node:path';
import type { Principal, Scope } from './access/access.ts';
import { createStoredKeys, type StoredKeys } from './access/stored-keys.ts';
import { type Catalog, openCatalog } from './catalog/catalog.ts';
import { CatalogUnavailable } from './catalog/catalog-unavailable.ts';
import type { PostgresOptions } from './catalog/postgres.ts';
import type { Config } from './config.ts';
import { asProblem } from './query/store-problem.ts';

/** The catalogue of the process, opened when it is first wanted: ingest goes on without it, whatever becomes of it. */

export interface CatalogDoor {
  /** The same one for all. Rejects as openCatalog does; the next attempt may succeed. */
  open(): Promise<Catalog>;
  close(): Promise<void>;
}

/** @param now epoch ms */
export function createCatalogDoor(config: Config, dataDir: string, now: () => number): CatalogDoor {
  let opening: Promise<Catalog> | null = null;
  return {
    open() {
      opening ??= openCatalogHere(config, dataDir, now).catch((error: unknown) => {
        opening = null;
        throw error;
      });
      return opening;
    },
    async close() {
      // One that could not be opened needs no closing.
      await (await opening?.catch(() => null))?.close();
    },
  };
}

/** @param now epoch ms. Default: the clock. */
export function openCatalogHere(config: Config, dataDir: string, now?: () => number): Promise<Catalog> {
  const postgres = postgresOptions(config);
  return openCatalog({ dir: join(dataDir, 'catalog'), postgres, ...(now !== undefined && { now }) });
}

function postgresOptions(config: Config): PostgresOptions | null {
  if (config.pgUrl === '') return null;
  return {
    url: config.pgUrl,
    connectionsMax: config.pgConnectionsMax,
    connectTimeoutMs: config.pgConnectTimeoutMs,
    statementTimeoutMs: config.pgStatementTimeoutMs,
  };
}

/** What access asks the catalogue. */
export function openStoredKeys(door: CatalogDoor, defaultApp: string): StoredKeys {
  return createStoredKeys({
    defaultApp,
    now: () => performance.now(),
    async find(digest) {
      try {
        const { keys } = await door.open();
        const key = await keys.find(digest);
        return key === null ? null : { ...key, id: key.key_id, scopes: key.scopes.filter(isScope) };
      } catch (error) {
        throw error instanceof CatalogUnavailable ? asProblem(error) : error;
      }
    },
  });
}

const SCOPES: readonly string[] = ['ingest', 'read', 'admin'] satisfies Principal['scopes'];
const isScope = (scope: string): scope is Scope => SCOPES.includes(scope);
