import type { IconName } from '../ui/icon.tsx';

/** The pages, in the order of the rail. A page that is not here does not exist. */
export interface Route {
  id: string;
  label: string;
  path: string;
  icon: IconName;
  /** Pressed after `g`. */
  key: string;
  /** False where the range of the top bar means nothing. */
  hasRange: boolean;
  needsEvents: boolean;
  /** Left out of the bar of phones, which has room for five. */
  isWideOnly?: boolean;
  /** The page whose place in the rail it shares; absent: it has one of its own. */
  under?: string;
}

export const ROUTES: readonly Route[] = [
  { id: 'now', label: 'Now', path: '/', icon: 'now', key: 'n', hasRange: false, needsEvents: true },
  {
    id: 'overview',
    label: 'Overview',
    path: '/overview',
    icon: 'overview',
    key: 'o',
    hasRange: true,
    needsEvents: true,
  },
  {
    id: 'videos',
    label: 'Videos',
    path: '/videos',
    icon: 'videos',
    key: 'v',
    hasRange: true,
    needsEvents: true,
  },
  {
    id: 'catalogue',
    label: 'Catalogue',
    path: '/catalogue',
    icon: 'table',
    key: 'l',
    hasRange: false,
    needsEvents: false,
    under: 'videos',
  },
  {
    id: 'sessions',
    label: 'Sessions',
    path: '/sessions',
    icon: 'sessions',
    key: 's',
    hasRange: true,
    needsEvents: true,
  },
  // Not `/events`: that is where events are posted to.
  {
    id: 'events',
    label: 'Events',
    path: '/event-log',
    icon: 'events',
    key: 'e',
    hasRange: true,
    needsEvents: true,
    under: 'sessions',
  },
  {
    id: 'pages',
    label: 'Pages',
    path: '/pages',
    icon: 'reports',
    key: 'x',
    hasRange: true,
    needsEvents: true,
    under: 'sessions',
  },
  {
    id: 'campaigns',
    label: 'Campaigns',
    path: '/campaigns',
    icon: 'arrow',
    key: 'u',
    hasRange: true,
    needsEvents: true,
    under: 'sessions',
  },
  {
    id: 'funnels',
    label: 'Funnels',
    path: '/funnels',
    icon: 'funnels',
    key: 'f',
    hasRange: true,
    needsEvents: true,
    isWideOnly: true,
  },
  {
    id: 'retention',
    label: 'Retention',
    path: '/retention',
    icon: 'retention',
    key: 'c',
    hasRange: true,
    needsEvents: true,
    isWideOnly: true,
  },
  {
    id: 'paths',
    label: 'Paths',
    path: '/paths',
    icon: 'arrow',
    key: 'w',
    hasRange: true,
    needsEvents: true,
    under: 'retention',
  },
  {
    id: 'reports',
    label: 'Reports',
    path: '/reports',
    icon: 'reports',
    key: 'r',
    hasRange: true,
    needsEvents: true,
    isWideOnly: true,
  },
  {
    id: 'sql',
    label: 'SQL',
    path: '/sql',
    icon: 'sql',
    key: 'q',
    hasRange: false,
    needsEvents: false,
    isWideOnly: true,
  },
  {
    id: 'pipeline',
    label: 'Pipeline',
    path: '/pipeline',
    icon: 'pipeline',
    key: 'p',
    hasRange: false,
    needsEvents: false,
  },
  {
    id: 'dead-letters',
    label: 'Dead letters',
    path: '/dead-letters',
    icon: 'alert',
    key: 'd',
    hasRange: false,
    needsEvents: false,
    under: 'pipeline',
  },
  {
    id: 'plans',
    label: 'Plans',
    path: '/plans',
    icon: 'check',
    key: 'm',
    hasRange: false,
    needsEvents: false,
    under: 'pipeline',
  },
  {
    id: 'alerts',
    label: 'Alerts',
    path: '/alerts',
    icon: 'bell',
    key: 'a',
    hasRange: false,
    needsEvents: false,
    under: 'pipeline',
  },
  {
    id: 'keys',
    label: 'Keys and apps',
    path: '/keys',
    icon: 'key',
    key: 'k',
    hasRange: false,
    needsEvents: false,
    under: 'pipeline',
  },
];

export const RAIL_ROUTES: readonly Route[] = ROUTES.filter((route) => route.under === undefined);

/** The pages that share a place in the rail with one, itself among them, that of the rail first. */
export function familyOf(route: Route): Route[] {
  const head = route.under ?? route.id;
  return ROUTES.filter(({ id, under }) => id === head || under === head);
}

export interface Match {
  route: Route;
  /** The rest of the path, decoded: the id of a video or session. */
  rest: string | null;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Finds the page of a path; null where there is none. */
export function matchRoute(path: string): Match | null {
  const clean = path.length > 1 ? path.replace(/\/+$/, '') : path;
  if (clean === '/now') return { route: ROUTES[0]!, rest: null };
  const exact = ROUTES.find((route) => route.path === clean);
  if (exact !== undefined) return { route: exact, rest: null };
  const [, id, rest] = /^\/(videos|sessions)\/(.+)$/.exec(clean) ?? [];
  const route = ROUTES.find((one) => one.id === id);
  return route === undefined || rest === undefined ? null : { route, rest: decode(rest) };
}

export function videoPath(id: string): string {
  return `/videos/${encodeURIComponent(id)}`;
}

export function sessionPath(id: string): string {
  return `/sessions/${encodeURIComponent(id)}`;
}

/** One session has its own span of time. */
export function hasRange({ route, rest }: Match): boolean {
  return route.hasRange && !(rest !== null && route.id === 'sessions');
}
