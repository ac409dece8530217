import { flag, list, type Setting, secret, text } from './setting.ts';

/** Who may call. */
export const accessSettings = {
  defaultApp: text(
    'ANALYTICS_DEFAULT_APP',
    'default',
    'App of events that name none and came without a key of an app.',
  ),
  ingestApiKey: secret(
    'ANALYTICS_INGEST_API_KEY',
    'Keys that ingest asks for: `key` or `key:app`, comma-separated. Empty: ingest is open.',
  ),
  ingestKeyRequired: flag(
    'ANALYTICS_INGEST_KEY_REQUIRED',
    'Ingest asks for a credential even without ANALYTICS_INGEST_API_KEY: keys of the catalogue and tokens open it.',
  ),
  adminKey: secret(
    'ANALYTICS_ADMIN_KEY',
    'Key of scope read and admin. Empty, and without tokens: open on loopback; elsewhere a key is made at the first start.',
  ),
  jwtSecret: secret('ANALYTICS_JWT_SECRET', 'Secret of tokens signed with HS256, at least 32 bytes.'),
  jwtPublicKeyFile: text(
    'ANALYTICS_JWT_PUBLIC_KEY_FILE',
    '',
    'PEM public key, or certificate, of tokens signed with RS256 (RSA) or ES256 (P-256).',
  ),
  jwtJwksUrl: text(
    'ANALYTICS_JWT_JWKS_URL',
    '',
    'Address of the keys (JWKS) of tokens signed with RS256 or ES256.',
  ),
  jwtAudience: text('ANALYTICS_JWT_AUDIENCE', '', 'What `aud` of a token has to hold. Empty: anything.'),
  jwtIssuer: text('ANALYTICS_JWT_ISSUER', '', 'What `iss` of a token has to be. Empty: anything.'),
  ingestAllowIps: list(
    'ANALYTICS_INGEST_ALLOW_IPS',
    'Addresses and CIDR ranges that may send events. Empty: all.',
  ),
  adminAllowIps: list(
    'ANALYTICS_ADMIN_ALLOW_IPS',
    'Addresses and CIDR ranges that may query and administer. Empty: all.',
  ),
  trustedProxies: list(
    'ANALYTICS_TRUSTED_PROXIES',
    'Proxies whose X-Forwarded-For and country headers are believed.',
  ),
  corsOrigins: list(
    'ANALYTICS_CORS_ORIGINS',
    'Origins that may call from a browser; `*` for all. Empty: every origin may send events, none may query.',
  ),
  tlsCertFile: text(
    'ANALYTICS_TLS_CERT_FILE',
    '',
    'PEM certificate, with those in between; with the key the port speaks HTTPS. Both are read again when they change.',
  ),
  tlsKeyFile: text('ANALYTICS_TLS_KEY_FILE', '', 'PEM private key.'),
} as const satisfies Record<string, Setting>;
