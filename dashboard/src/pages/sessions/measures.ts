import { requestKey } from '../../data/api.ts';
import type { SessionCounts } from '../../data/types.ts';
import { duration, fullNumber, percent, shortNumber } from '../../format/number.ts';
import type { PageState } from '../../state/page.ts';
import type { Interval } from '../../state/range.ts';

export type SessionMeasure = keyof SessionCounts;

export interface SessionLook {
  measure: SessionMeasure;
  label: string;
  help: string;
  color: string;
  kind: 'count' | 'duration' | 'rate' | 'decimal';
  lessIsBetter?: boolean;
  short(value: number): string;
  full(value: number): string;
}

const number = { short: shortNumber, full: fullNumber };

export const SESSION_LOOKS: readonly SessionLook[] = [
  {
    measure: 'sessions',
    label: 'Sessions',
    help: 'Sessions that begin in the range',
    color: '--series-blue',
    kind: 'count',
    ...number,
  },
  {
    measure: 'users',
    label: 'Users',
    help: 'Distinct people of these sessions',
    color: '--series-sky',
    kind: 'count',
    ...number,
  },
  {
    measure: 'new_users',
    label: 'New users',
    help: 'Those whose first session is among these',
    color: '--series-green',
    kind: 'count',
    ...number,
  },
  {
    measure: 'pages_per_session',
    label: 'Pages per session',
    help: 'Page views divided by sessions',
    color: '--series-pink',
    kind: 'decimal',
    ...number,
  },
  {
    measure: 'avg_duration_seconds',
    label: 'Avg duration',
    help: 'From the first event of a session to its last',
    color: '--series-amber',
    kind: 'duration',
    short: duration,
    full: duration,
  },
  {
    measure: 'bounce_rate',
    label: 'Bounce rate',
    help: 'Share of sessions with one page view and under 10 s',
    color: '--series-red',
    kind: 'rate',
    lessIsBetter: true,
    short: percent,
    full: percent,
  },
];

/** What sessions can be filtered by; of each field the last filter counts. */
const FIELDS = [
  'user_id',
  'anonymous_id',
  'device',
  'browser',
  'os',
  'country',
  'referrer',
  'utm_source',
  'utm_campaign',
];

/** The page's filters as parameters, and the labels of those that sessions cannot be asked by. */
export function sessionFilters(page: PageState): { params: Record<string, string>; left: string[] } {
  const params: Record<string, string> = {};
  const left: string[] = [];
  for (const { field, op, value } of page.filters) {
    if (op === 'eq' && FIELDS.includes(field)) params[field] = value;
    else left.push(field);
  }
  return { params, left };
}

/** Sessions are counted by the hour, the day and the week. */
function intervalOf(interval: Interval): '1h' | '1d' | '1w' {
  if (interval === '1d') return '1d';
  return interval === '1w' || interval === '1mo' ? '1w' : '1h';
}

export function chartInterval(page: PageState): Interval {
  return intervalOf(page.range.interval);
}

/** Without a range: that of the page. An empty value asks for what is not known, so that it has to be spelled. */
export function statsKey(page: PageState, { from, to }: { from: Date; to: Date } = page.range): string {
  const key = requestKey('/v1/sessions/stats', {
    app_id: page.app,
    from: from.toISOString(),
    to: to.toISOString(),
    timezone: page.range.timezone,
    interval: intervalOf(page.range.interval),
    limit: 50,
  });
  return key + spellFilters(page);
}

export function listKey(page: PageState, sort: string, cursor: string | null): string {
  const { range } = page;
  const key = requestKey('/v1/sessions', {
    app_id: page.app,
    from: range.from.toISOString(),
    to: range.to.toISOString(),
    sort: sort === 'started_at' ? null : sort,
    limit: 50,
    cursor,
  });
  return key + spellFilters(page);
}

function spellFilters(page: PageState): string {
  const search = new URLSearchParams(sessionFilters(page).params).toString();
  return search === '' ? '' : `&${search}`;
}
