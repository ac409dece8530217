/**
 * Which pages may call from a browser. The origin is mirrored, never `*`: beacons are sent with credentials, and
 * browsers refuse the star for those.
 *
 * Without a list any page may send events (that is how analytics is installed), and no foreign page may read:
 * with an open loopback service a star there would show the numbers to every site its owner visits.
 */
import type { IncomingHttpHeaders } from 'node:http';

export type CorsKind = 'ingest' | 'api';

export interface Cors {
  /** False when the request names an origin that is not allowed. Requests without an origin are no browser's. */
  allows(headers: IncomingHttpHeaders, kind: CorsKind): boolean;
  /** Flat response headers: name, value, …; [] without an origin, or with one that is not allowed. */
  headers(headers: IncomingHttpHeaders, kind: CorsKind): string[];
  /** Flat headers of the 204 that answers OPTIONS. */
  preflight(headers: IncomingHttpHeaders, kind: CorsKind, methods: string): string[];
}

interface CorsOptions {
  /** Origins such as `https://tv.example`, `https://*.tv.example`, or `*`; null when nothing was set. */
  readonly origins: readonly string[] | null;
  readonly maxAgeSeconds: number;
}

const requestableHeaders = /^[A-Za-z0-9 ,_-]{1,1024}$/;
const none: string[] = [];

export function createCors(options: CorsOptions): Cors {
  const listed = options.origins === null ? null : createMatcher(options.origins);

  function allowsOrigin(origin: string, host: string | undefined, kind: CorsKind): boolean {
    if (listed === null ? kind === 'ingest' : listed(origin)) return true;
    // The service's own pages call it with an Origin too.
    return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
  }

  const cors: Cors = {
    allows(headers, kind) {
      const origin = headers.origin;
      return origin === undefined || allowsOrigin(origin, headers.host, kind);
    },
    headers(headers, kind) {
      const origin = headers.origin;
      if (origin === undefined) return none;
      if (!allowsOrigin(origin, headers.host, kind)) return ['vary', 'Origin'];
      const lines = ['access-control-allow-origin', origin, 'vary', 'Origin'];
      lines.push('access-control-expose-headers', 'Retry-After, X-Request-Id');
      if (kind === 'ingest') lines.push('access-control-allow-credentials', 'true');
      return lines;
    },
    preflight(headers, kind, methods) {
      const lines = ['allow', methods, ...cors.headers(headers, kind)];
      if (!lines.includes('access-control-allow-origin')) return lines;
      const asked = headers['access-control-request-headers'];
      lines.push('access-control-allow-methods', methods);
      if (asked !== undefined && requestableHeaders.test(asked)) {
        lines.push('access-control-allow-headers', asked);
      }
      lines.push('access-control-max-age', String(options.maxAgeSeconds));
      return lines;
    },
  };
  return cors;
}

function createMatcher(origins: readonly string[]): (origin: string) => boolean {
  if (origins.includes('*')) return () => true;
  const exact = new Set<string>();
  const patterns: { scheme: string; suffix: string }[] = [];
  for (const text of origins) {
    const origin = text.trim().replace(/\/$/, '').toLowerCase();
    const star = origin.indexOf('://*.');
    if (star < 0) exact.add(origin);
    else patterns.push({ scheme: origin.slice(0, star + 3), suffix: origin.slice(star + 4) });
  }
  return (origin) => {
    const plain = origin.toLowerCase();
    if (exact.has(plain)) return true;
    return patterns.some(({ scheme, suffix }) => plain.startsWith(scheme) && plain.endsWith(suffix));
  };
}
