import { number, type Setting, text } from './setting.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;

/** What ingest takes. */
export const ingestSettings = {
  geoDatabase: text(
    'ANALYTICS_GEO_DATABASE',
    '',
    'File in the MaxMind format (GeoLite2 Country, DB-IP …) that tells countries of addresses. Empty: none.',
  ),
  ingestRateLimit: number(
    'ANALYTICS_INGEST_RATE_LIMIT',
    'events/s',
    0,
    0,
    1e9,
    'Events per second and key, with bursts of two seconds. 0: no limit.',
  ),
  ingestBodyBytesMax: number(
    'ANALYTICS_INGEST_BODY_BYTES_MAX',
    'bytes',
    MiB,
    1024,
    64 * MiB,
    'A body, as sent and inflated.',
  ),
  ingestEventsMax: number(
    'ANALYTICS_INGEST_EVENTS_MAX',
    'events',
    1000,
    1,
    100_000,
    'Events in one request.',
  ),
  ingestBytesInFlightMax: number(
    'ANALYTICS_INGEST_BYTES_IN_FLIGHT_MAX',
    'bytes',
    128 * MiB,
    MiB,
    64 * GiB,
    'Bytes of bodies and records not yet durable; beyond it 503.',
  ),
  ingestRequestsInFlightMax: number(
    'ANALYTICS_INGEST_REQUESTS_IN_FLIGHT_MAX',
    'requests',
    8192,
    1,
    1e6,
    'Requests under way; beyond it 503.',
  ),
  ingestAckTimeoutMs: number(
    'ANALYTICS_INGEST_ACK_TIMEOUT_MS',
    'ms',
    10_000,
    100,
    600_000,
    'How long a sender waits for durability before it gets 503.',
  ),
  timestampAgeMaxDays: number(
    'ANALYTICS_TIMESTAMP_AGE_MAX_DAYS',
    'days',
    90,
    1,
    3650,
    'Older events are refused as timestamp_too_old. Raise it, with ANALYTICS_RETENTION_EVENTS_DAYS, to import history.',
  ),
} as const satisfies Record<string, Setting>;
