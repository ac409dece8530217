import { chance } from './dashboard-data.ts';

/** Cohorts and paths as the service answers them, made of the time asked for. */

const DAY_MS = 86_400_000;
const UNIT_DAYS: Readonly<Record<string, number>> = { day: 1, week: 7, month: 30 };

export function retentionAnswer(isEmpty: boolean, query: URLSearchParams): unknown {
  const unit = query.get('unit') ?? 'day';
  const periods = Number(query.get('periods') ?? 7);
  const step = UNIT_DAYS[unit]! * DAY_MS;
  const [from, to] = [Date.parse(query.get('from') ?? ''), Date.parse(query.get('to') ?? '')];
  const cohorts: unknown[] = [];
  for (let at = from; at < to; at += step) {
    const size = isEmpty ? 0 : Math.round(9_000 + 9_000 * chance(`size${at}`));
    const returned = Array.from({ length: periods + 1 }, (_, k) => {
      if (at + k * step > Date.now()) return null;
      return k === 0 ? size : Math.round((size * (0.5 + 0.1 * chance(`${at}${k}`))) / (k + 0.6));
    });
    cohorts.push({ date: new Date(at + DAY_MS / 2).toISOString().slice(0, 10), size, returned });
  }
  return { unit, from: query.get('from'), to: query.get('to'), timezone: query.get('timezone'), cohorts };
}

const PAGES = [
  '/',
  '/series/harbour-lights',
  '/watch/tt-harbour-01',
  '/search',
  `/a/very/long/page/${'with-many-words-'.repeat(12)}`,
  ...Array.from({ length: 12 }, (_, index) => `/watch/clip-${index}`),
];

export function pathsAnswer(isEmpty: boolean, query: URLSearchParams): unknown {
  const start = query.get('start');
  const end = query.get('end');
  const depth = Number(query.get('depth') ?? 5);
  const first = start ?? end;
  const nodes: { step: number; name: string; sessions: number }[] = [];
  const links: unknown[] = [];
  for (let step = 1; step <= depth + 1 && !isEmpty; step += 1) {
    const names = step === 1 && first !== null ? [first] : PAGES.slice(0, 2 + ((step * 5) % 15));
    names.forEach((name, index) => {
      nodes.push({ step, name, sessions: Math.round(24_000 / step / (index + 1)) });
    });
  }
  for (const node of nodes) {
    const next = nodes.filter(({ step, name }) => step === node.step + 1 && name !== node.name);
    for (const [index, other] of next.slice(0, 4).entries()) {
      const [from, to] = end === null ? [node.name, other.name] : [other.name, node.name];
      links.push({ step: node.step, from, to, sessions: Math.round(node.sessions / (index + 3)) });
    }
  }
  const by = query.get('by') ?? 'page';
  return { by, start, end, from: query.get('from'), to: query.get('to'), nodes, links };
}
