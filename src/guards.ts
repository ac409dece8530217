import { readFile } from 'node:fs/promises';
import { type Access, type CredentialVerifier, createAccess } from './access/access.ts';
import { readAddressList } from './access/addresses.ts';
import { openKeySet } from './access/jwks.ts';
import { makeSecret, readApiKeys } from './access/keys.ts';
import type { StoredKeys } from './access/stored-keys.ts';
import { pemTokenKey, secretTokenKey } from './access/token-keys.ts';
import { createTokenVerifier } from './access/tokens.ts';
import { type Config, isGuarded, isLoopback, takesTokens } from './config.ts';
import { type CatalogDoor, createCatalogDoor, openStoredKeys } from './open-catalog.ts';
import type { Logger } from './telemetry/logger.ts';

/** Who may call, as the settings and the catalogue have it. */

export interface Guards {
  readonly access: Access;
  readonly catalog: CatalogDoor;
  readonly storedKeys: StoredKeys;
}

/**
 * Rejects, for the operator, when the file of the public key is not one.
 * @param now epoch ms
 */
export async function openGuards(
  config: Config,
  dataDir: string,
  log: Logger,
  now: () => number,
): Promise<Guards> {
  const catalog = createCatalogDoor(config, dataDir, now);
  const storedKeys = openStoredKeys(catalog, config.defaultApp);
  const tokens = takesTokens(config) ? [await openTokens(config, log)] : [];
  return { access: openAccess(config, storedKeys.verify, tokens), catalog, storedKeys };
}

function openAccess(
  config: Config,
  storedKeys: CredentialVerifier,
  tokens: readonly CredentialVerifier[],
): Access {
  return createAccess({
    ingestKeys: readApiKeys(config.ingestApiKey, config.defaultApp),
    ingestKeyRequired: config.ingestKeyRequired,
    adminKeys: readApiKeys(config.adminKey, config.defaultApp),
    openWithoutAdminKey: isLoopback(config.host),
    guardedByVerifiers: tokens.length > 0,
    verifiers: [storedKeys, ...tokens],
    defaultApp: config.defaultApp,
    ingestAddresses: readAddressList(config.ingestAllowIps.join(',')),
    adminAddresses: readAddressList(config.adminAllowIps.join(',')),
    trustedProxies: readAddressList(config.trustedProxies.join(',')),
  });
}

async function openTokens(config: Config, log: Logger): Promise<CredentialVerifier> {
  const { jwtSecret, jwtPublicKeyFile, jwtJwksUrl, jwtAudience, jwtIssuer, defaultApp } = config;
  return createTokenVerifier({
    keys: [
      ...(jwtSecret === '' ? [] : [secretTokenKey(jwtSecret)]),
      ...(jwtPublicKeyFile === '' ? [] : [await readTokenKey(jwtPublicKeyFile)]),
    ],
    keySet: jwtJwksUrl === '' ? null : openKeySet({ url: jwtJwksUrl, now: () => performance.now(), log }),
    audience: jwtAudience,
    issuer: jwtIssuer,
    defaultApp,
    now: Date.now,
  });
}

async function readTokenKey(path: string) {
  try {
    return pemTokenKey(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new Error(`ANALYTICS_JWT_PUBLIC_KEY_FILE (${path}) cannot be used: ${(cause as Error).message}.`, {
      cause,
    });
  }
}

/** Whether anyone who reaches the port may query. */
export function isOpen(config: Config): boolean {
  return isLoopback(config.host) && !isGuarded(config);
}

/**
 * The secret of a key of everything, made when the service can be reached from outside and nobody could administer it;
 * null when there is no need. Only a process that answers questions makes one: it needs the catalogue anyway.
 */
export async function createFirstKey(config: Config, catalog: CatalogDoor): Promise<string | null> {
  if (isLoopback(config.host) || isGuarded(config) || !config.roleSet.has('query')) return null;
  const { secret, prefix, digest } = makeSecret();
  const { keys, audit } = await catalog.open();
  const key = await keys.createFirst({ prefix, digest });
  if (key === null) return null;
  await audit.add({ by: 'start', apps: null, action: 'first key', target: key.key_id });
  return secret;
}
