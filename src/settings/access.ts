import { list, type Setting, secret, text } from './setting.ts';

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
  adminKey: secret(
    'ANALYTICS_ADMIN_KEY',
    'Key of scope read and admin. Empty: open on loopback, closed elsewhere.',
  ),
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
  tlsCertFile: text('ANALYTICS_TLS_CERT_FILE', '', 'PEM certificate; with the key the port speaks HTTPS.'),
  tlsKeyFile: text('ANALYTICS_TLS_KEY_FILE', '', 'PEM private key.'),
} as const satisfies Record<string, Setting>;
