import { type FlagSetting, list, number, type Setting, secret } from './setting.ts';

/** Events that the service derives, and who is told of them. */
export const derivedSettings = {
  derivedEveryMs: number(
    'ANALYTICS_DERIVED_EVERY_MS',
    'ms',
    1_000,
    10,
    600_000,
    'Pause between two looks for what is to be told of views.',
  ),
  derivedSilenceMs: number(
    'ANALYTICS_DERIVED_SILENCE_MS',
    'ms',
    1_800_000,
    1_000,
    86_400_000,
    'A view without an end is over when nothing of it was received for so long.',
  ),
  derivedAgeMaxHours: number(
    'ANALYTICS_DERIVED_AGE_MAX_HOURS',
    'hours',
    24,
    0,
    87_600,
    'Events older than this when they are received (imported history) derive nothing. 0: no derived events at all.',
  ),
  webhookUrls: list('ANALYTICS_WEBHOOK_URLS', 'Receivers of derived events, comma-separated.'),
  webhookSecret: secret(
    'ANALYTICS_WEBHOOK_SECRET',
    'Signs what webhooks get: `whsec_` and base64, or text; several, comma-separated, while one replaces another.',
  ),
  webhookTimeoutMs: number(
    'ANALYTICS_WEBHOOK_TIMEOUT_MS',
    'ms',
    15_000,
    100,
    300_000,
    'How long a receiver may take to answer.',
  ),
  webhookInFlight: number(
    'ANALYTICS_WEBHOOK_IN_FLIGHT',
    'requests',
    8,
    1,
    256,
    'Requests at once to one receiver; those of one view come one by one.',
  ),
  webhookGiveUpHours: number(
    'ANALYTICS_WEBHOOK_GIVE_UP_HOURS',
    'hours',
    72,
    1,
    8_760,
    'An event that no answer was good for becomes a dead letter after so long.',
  ),
  webhookAllowPrivate: {
    kind: 'flag',
    env: ['ANALYTICS_WEBHOOK_ALLOW_PRIVATE'],
    default: false,
    doc: 'Deliver to loopback and private addresses too.',
  } satisfies FlagSetting,
} as const satisfies Record<string, Setting>;
