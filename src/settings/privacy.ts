import { number, type Setting } from './setting.ts';

/** What people are owed. */
export const privacySettings = {
  honorDnt: {
    kind: 'choice',
    env: ['ANALYTICS_HONOR_DNT'],
    choices: ['off', 'drop', 'anonymize'],
    default: 'off',
    doc: 'What becomes of events sent with `DNT: 1` or `Sec-GPC: 1`, or that say so in `context`: nothing, not taken, or taken without who it was.',
  },
  erasuresKeptDays: number(
    'ANALYTICS_ERASURES_KEPT_DAYS',
    'days',
    400,
    1,
    3650,
    'How long it is remembered, as a hash, who was erased: longer than anything in the log is kept.',
  ),
} as const satisfies Record<string, Setting>;
