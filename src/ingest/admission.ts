/** Everything that can refuse an ingest request before its body is read. */

import type { IncomingMessage } from 'node:http';
import type { Access, Principal } from '../access/access.ts';
import type { RateLimiter } from '../access/rate-limit.ts';
import type { Cors } from '../http/cors.ts';
import { HttpProblem } from '../http/problem.ts';
import type { IngestMetrics } from '../telemetry/metrics.ts';
import { bodyTooLarge, readDeclaredLength } from './body.ts';
import type { GeoLookup } from './geo.ts';
import { type BodyCoding, readCoding } from './inflate.ts';

export interface Admission {
  readonly principal: Principal;
  /** Whose rate limit the events are counted on. */
  readonly bucket: string;
  /** Null when chunked. */
  readonly declaredBytes: number | null;
  readonly coding: BodyCoding | null;
  readonly idempotencyKey: string | null;
}

export interface AdmissionOptions {
  readonly access: Access;
  readonly cors: Cors;
  /** Null: no limit. */
  readonly rateLimiter: RateLimiter | null;
  /** False until the log can be appended to. */
  readonly ready: () => boolean;
  readonly metrics: IngestMetrics;
  readonly bodyBytesMax: number;
}

const idempotencyKeyBytesMax = 256;

/**
 * @throws HttpProblem `starting`, `origin_forbidden`, those of access, `rate_limited`, `body_too_large`,
 * `unsupported_encoding`, `invalid_idempotency_key`
 */
export async function admit(request: IncomingMessage, options: AdmissionOptions): Promise<Admission> {
  const { access, cors, rateLimiter, metrics, bodyBytesMax } = options;
  if (!options.ready()) {
    throw new HttpProblem('starting', 'The log is not open yet; nothing was taken.', { retryAfterMs: 2000 });
  }
  if (!cors.allows(request.headers, 'ingest')) {
    throw new HttpProblem('origin_forbidden', 'Events from this origin are not taken.');
  }
  const decision = access.authorize(request, 'ingest');
  const settled = decision instanceof Promise ? await decision : decision;
  if (!settled.granted) throw new HttpProblem(settled.code, settled.detail);
  const { principal } = settled;
  // Without keys each address has a bucket of its own, else one sender would use up everybody's.
  const shared = rateLimiter !== null && principal.id === 'anonymous';
  const bucket = shared ? `address:${access.address(request)}` : principal.id;
  const waitMs = rateLimiter?.waitMs(bucket) ?? 0;
  if (waitMs > 0) {
    metrics.shed.add('rate', 1);
    throw new HttpProblem('rate_limited', 'The rate limit is used up.', { retryAfterMs: waitMs });
  }
  const declaredBytes = readDeclaredLength(request);
  if (declaredBytes !== null && declaredBytes > bodyBytesMax) throw bodyTooLarge(bodyBytesMax);
  const coding = readCoding(request.headers['content-encoding']);
  return { principal, bucket, declaredBytes, coding, idempotencyKey: readIdempotencyKey(request) };
}

function readIdempotencyKey(request: IncomingMessage): string | null {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return null;
  // Two such headers are joined by node into one text, which is as good a key as any.
  const text = Array.isArray(key) ? key.join(',') : key;
  if (text === '' || Buffer.byteLength(text, 'latin1') > idempotencyKeyBytesMax) {
    throw new HttpProblem(
      'invalid_idempotency_key',
      `An Idempotency-Key has 1 to ${idempotencyKeyBytesMax} bytes.`,
    );
  }
  return text;
}

const countryHeaders = ['cf-ipcountry', 'x-vercel-ip-country', 'cloudfront-viewer-country'];

/**
 * What the edge says, else what the database knows of the address, else ''. A client could write these headers itself:
 * they count from trusted proxies only.
 */
export function readCountry(request: IncomingMessage, access: Access, geo: GeoLookup): string {
  for (const name of countryHeaders) {
    const code = request.headers[name];
    if (typeof code !== 'string' || !/^[A-Z]{2}$/.test(code)) continue;
    // Cloudflare's XX is "unknown".
    if (code !== 'XX' && access.fromTrustedProxy(request)) return code;
  }
  return geo.country(access.address(request));
}
