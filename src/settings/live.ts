import { number, type Setting } from './setting.ts';

/** Realtime. */
export const liveSettings = {
  wsSocketsMax: number(
    'ANALYTICS_WS_SOCKETS_MAX',
    'sockets',
    10_000,
    1,
    1e6,
    'WebSockets at once; beyond it 503.',
  ),
  wsEventsPerSecondMax: number(
    'ANALYTICS_WS_EVENTS_PER_SECOND_MAX',
    'events/s',
    20,
    0,
    10_000,
    'Events that one WebSocket gets at most.',
  ),
  viewsMax: number(
    'ANALYTICS_LIVE_VIEWS_MAX',
    'views',
    4_000_000,
    1024,
    1e9,
    'Views of the last minute that realtime metrics hold in memory.',
  ),
} as const satisfies Record<string, Setting>;
