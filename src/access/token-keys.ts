/** Keys that tokens are checked with: from a secret, from a PEM file, from a JSON Web Key (RFC 7517). */
import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import type { Algorithm, TokenKey } from './jwt.ts';

/** RFC 7518, 3.2: as long as what the hash gives. */
export const SECRET_BYTES_MIN = 32;
/** RFC 7518, 3.3. */
const RSA_BITS_MIN = 2_048;

/** @throws TypeError when it is shorter than SECRET_BYTES_MIN */
export function secretTokenKey(secret: string): TokenKey {
  const bytes = Buffer.from(secret);
  if (bytes.length < SECRET_BYTES_MIN)
    throw new TypeError(
      `a secret for HS256 has at least ${SECRET_BYTES_MIN} bytes, this one ${bytes.length}`,
    );
  return { alg: 'HS256', kid: null, key: createSecretKey(bytes) };
}

/**
 * A public key, or a certificate, in PEM.
 * @throws TypeError for a private key, and for one that is neither RSA of 2,048 bits or more nor P-256
 */
export function pemTokenKey(pem: string): TokenKey {
  if (pem.includes('PRIVATE KEY')) throw new TypeError('it holds a private key; the public one belongs here');
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (cause) {
    throw new TypeError('it holds no public key in PEM', { cause });
  }
  const alg = algorithmOf(key);
  if (alg === null) throw new TypeError('it takes RSA of 2,048 bits or more (RS256), or P-256 (ES256)');
  return { alg, kid: null, key };
}

/** Null for a key that is not for signatures of these kinds; symmetric ones never come from outside. */
export function jwkTokenKey(jwk: unknown): TokenKey | null {
  if (typeof jwk !== 'object' || jwk === null) return null;
  const {
    kty,
    use = 'sig',
    alg,
    kid,
    key_ops: operations = ['verify'],
    ...rest
  } = jwk as Record<string, unknown>;
  if ((kty !== 'RSA' && kty !== 'EC') || use !== 'sig') return null;
  if (!Array.isArray(operations) || !operations.includes('verify')) return null;
  const { n, e, crv, x, y } = rest;
  const material = kty === 'RSA' ? { kty, n, e } : { kty, crv, x, y };
  let key: KeyObject;
  try {
    key = createPublicKey({ key: material as never, format: 'jwk' });
  } catch {
    return null;
  }
  const own = algorithmOf(key);
  if (own === null || (alg !== undefined && alg !== own)) return null;
  return { alg: own, kid: typeof kid === 'string' ? kid : null, key };
}

function algorithmOf(key: KeyObject): Algorithm | null {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') return modulusLength >= RSA_BITS_MIN ? 'RS256' : null;
  if (key.asymmetricKeyType === 'ec') return namedCurve === 'prime256v1' ? 'ES256' : null;
  return null;
}
