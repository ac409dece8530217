/** Keys as the service lists them: long names, many apps, one that was revoked. */

const base = { apps: null, created_at: '2026-10-02T08:03:06.086Z', rotated_at: null, revoked_at: null };

const KEYS = [
  { ...base, key_id: 'key_5c1f0e9ab2d4', name: 'web player', prefix: 'slk_7Qw2', scopes: ['ingest'] },
  {
    ...base,
    key_id: 'key_0a1b2c3d4e5f',
    name: `a partner with a name that goes ${'on-and-'.repeat(16)}on`,
    prefix: 'slk_Zz09',
    scopes: ['ingest', 'read', 'admin'],
    apps: Array.from({ length: 24 }, (_, index) => `app-${index}`),
    rotated_at: '2026-11-20T12:00:00.000Z',
  },
  {
    ...base,
    key_id: 'key_99aabbccddee',
    name: null,
    prefix: 'slk_abcd',
    scopes: ['read'],
    apps: ['tv'],
    revoked_at: '2026-11-21T12:00:00.000Z',
  },
];

export function keysAnswer(isEmpty: boolean): unknown {
  return { data: isEmpty ? [] : KEYS, next_cursor: null };
}
