import { number, type Setting, secret } from './setting.ts';

/** Titles and apps. */
export const catalogSettings = {
  pgUrl: secret(
    'ANALYTICS_PG_URL',
    'PostgreSQL for the catalogue, `postgres://user:password@host:port/database?sslmode=…`. Empty: SQLite in the data folder.',
  ),
  pgConnectionsMax: number(
    'ANALYTICS_PG_CONNECTIONS_MAX',
    'connections',
    8,
    1,
    1_000,
    'Most connections of this process to PostgreSQL.',
  ),
  pgConnectTimeoutMs: number(
    'ANALYTICS_PG_CONNECT_TIMEOUT_MS',
    'ms',
    5_000,
    100,
    600_000,
    'Longest wait for a connection to PostgreSQL, new or one that others use.',
  ),
  pgStatementTimeoutMs: number(
    'ANALYTICS_PG_STATEMENT_TIMEOUT_MS',
    'ms',
    10_000,
    100,
    600_000,
    'Longest that a statement in PostgreSQL may take.',
  ),
} as const satisfies Record<string, Setting>;
