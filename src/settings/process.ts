import { type ChoiceSetting, type ListSetting, number, type Setting, text } from './setting.ts';

export const ROLES = ['ingest', 'pipeline', 'query', 'live'] as const;
export type Role = (typeof ROLES)[number];

/** Of the process. */
export const processSettings = {
  host: text(
    'ANALYTICS_HOST',
    '127.0.0.1',
    'Address to listen on. On anything but loopback, queries ask for a key or a token.',
  ),
  port: number(
    ['PORT', 'ANALYTICS_PORT', 'ANALYTICS_INGEST_PORT'],
    'port',
    3002,
    0,
    65_535,
    'Port of the API, the dashboard and ingest; 0 takes a free one.',
  ),
  metricsPort: number(
    'ANALYTICS_METRICS_PORT',
    'port',
    8000,
    0,
    65_535,
    'Port of the Prometheus metrics; 0 takes a free one.',
  ),
  dataDir: text('ANALYTICS_DATA_DIR', './data', 'Folder of everything embedded: log, ClickHouse, catalogue.'),
  roles: {
    kind: 'list',
    env: ['ANALYTICS_ROLES'],
    default: ROLES,
    choices: ROLES,
    doc: 'What this process does.',
  } satisfies ListSetting,
  logLevel: {
    kind: 'choice',
    env: ['LOG_LEVEL', 'ANALYTICS_LOG_LEVEL'],
    choices: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    default: 'info',
    doc: 'Least severe level that is logged.',
  } satisfies ChoiceSetting,
  stopDeadlineMs: number(
    'ANALYTICS_STOP_DEADLINE_MS',
    'ms',
    8_000,
    100,
    600_000,
    'How long a stop may take; requests in flight get three quarters of it. Then what hangs is ended by force.',
  ),
} as const satisfies Record<string, Setting>;
