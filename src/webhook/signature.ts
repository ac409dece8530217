import { createHmac } from 'node:crypto';

/**
 * Signatures as in Standard Webhooks 1.0 (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md), so
 * that its libraries verify what we send: HMAC-SHA256 over `id.timestamp.body`, base64, `v1,` in front.
 */

const PREFIX = 'whsec_';

/** Secrets, comma-separated: `whsec_` and base64, or any text as it is. The receiver may know any one of them. */
export function readSecrets(text: string): Buffer[] {
  return text
    .split(',')
    .map((secret) => secret.trim())
    .filter((secret) => secret !== '')
    .map((secret) =>
      secret.startsWith(PREFIX)
        ? Buffer.from(secret.slice(PREFIX.length), 'base64')
        : Buffer.from(secret, 'utf8'),
    );
}

export interface SignedHeaders {
  readonly 'webhook-id': string;
  /** Epoch seconds of the attempt. */
  readonly 'webhook-timestamp': string;
  /** One signature for each secret, with spaces between. */
  readonly 'webhook-signature': string;
}

export function signHeaders(
  secrets: readonly Buffer[],
  id: string,
  body: string,
  now: number,
): SignedHeaders {
  const timestamp = String(Math.floor(now / 1000));
  const signatures = secrets.map((secret) => {
    const hmac = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`);
    return `v1,${hmac.digest('base64')}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}
