/** Tracking plans as the service answers them. */
const iso = (agoMs: number) => new Date(Date.now() - agoMs).toISOString();

const SCHEMA = {
  type: 'object',
  required: ['price', 'currency'],
  properties: {
    price: { type: 'number', minimum: 0 },
    currency: { enum: ['EUR', 'USD'] },
    coupon: { type: 'string', maxLength: 40 },
  },
};

function plan(event_name: string, more: Record<string, unknown> = {}) {
  return {
    event_name,
    app_id: null as string | null,
    mode: 'warn',
    schema: SCHEMA,
    description: null as string | null,
    owner: null as string | null,
    updated_at: iso(90_000_000),
    effective_at: iso(89_995_000),
    violations: 0,
    ...more,
  };
}

/** @param isMany more than a page shows */
export function plansAnswer(isEmpty: boolean, isMany: boolean, query: URLSearchParams): unknown {
  const some = [
    plan('purchase', {
      description: 'Sent when the shop has the money.',
      owner: 'shop@example.com',
      violations: 1_204,
    }),
    plan('purchase', { app_id: 'tv', mode: 'quarantine', violations: 31 }),
    plan('sign_up'),
    plan('x'.repeat(200), { app_id: 'a'.repeat(60), owner: 'o'.repeat(200) }),
  ];
  const many = Array.from({ length: 640 }, (_, n) => plan(`event_${String(n).padStart(3, '0')}`));
  const data = isEmpty ? [] : isMany ? [...some, ...many] : some;
  const isCounted = query.get('violations') === 'true';
  return { data: data.map(({ violations, ...rest }) => ({ ...rest, ...(isCounted ? { violations } : {}) })) };
}

export function planAnswer(event: string, query: URLSearchParams): unknown {
  const kind = (path: string, expected: string, count: number, mode = 'warn') => ({
    app_id: query.get('app_id') ?? 'web',
    mode,
    path,
    expected,
    count,
    last_seen: iso(640_000),
    event_id: '01890000-0000-7000-8000-000000000001',
  });
  const violations = [
    kind('properties.price', 'must be there', 1_000),
    kind('properties.currency', 'must be one of ["EUR","USD"]', 173, 'quarantine'),
    kind(`properties.${'deep.'.repeat(20)}end`, `must be one of [${'"value",'.repeat(20)}"last"]`, 31),
  ];
  const app_id = query.get('app_id');
  return plan(event, { app_id, mode: app_id === null ? 'warn' : 'quarantine', violations });
}

/** What any schema is told of any event. */
export function planCheckAnswer(): unknown {
  const example = { event_id: null, app_id: null, timestamp: null };
  const fault = { path: 'properties.price', expected: 'must be number' };
  return { checked: 1, violations: 1, examples: [{ ...example, ...fault }] };
}
