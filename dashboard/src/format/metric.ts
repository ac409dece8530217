import type { Metric } from '../data/types.ts';
import { duration, fullNumber, percent, shortNumber } from './number.ts';

/** How a metric is called, written and coloured; the same on every page. */
export interface MetricLook {
  label: string;
  /** What one of it is called in a sentence. */
  noun: string;
  color: string;
  help: string;
  short(value: number): string;
  full(value: number): string;
  /** A mean or a share: it has no share of a whole. */
  isRate?: boolean;
  /** More of it is worse. */
  lessIsBetter?: boolean;
}

function countLook(label: string, noun: string, color: string, help: string): MetricLook {
  return { label, noun, color, help, short: shortNumber, full: (v) => `${fullNumber(v)} ${noun}` };
}

export const LOOKS: Record<Metric, MetricLook> = {
  viewers: countLook('Viewers', 'viewers', '--series-blue', 'Distinct people who watched'),
  views: countLook('Views', 'views', '--series-sky', 'Playbacks that began'),
  watch_time_seconds: {
    label: 'Watch time',
    noun: 'watched',
    color: '--series-green',
    help: 'Time spent watching',
    short: duration,
    full: (v) => `${duration(v)} (${fullNumber(Math.round(v))} s)`,
  },
  completion_rate: {
    label: 'Completion',
    noun: 'completed',
    color: '--series-pink',
    help: 'Views played to the end, of all views',
    short: percent,
    full: (v) => `${(v * 100).toFixed(2)} % of views`,
    isRate: true,
  },
  events: countLook('Events', 'events', '--series-amber', 'Everything that was sent'),
  errors: {
    ...countLook('Errors', 'errors', '--series-red', 'Playback and page errors'),
    lessIsBetter: true,
  },
  users: countLook('Users', 'users', '--series-blue', 'Distinct people'),
  sessions: countLook('Sessions', 'sessions', '--series-sky', 'Visits, 30 minutes of silence apart'),
  page_views: countLook('Page views', 'page views', '--series-green', 'Pages opened'),
  impressions: countLook(
    'Impressions',
    'impressions',
    '--series-sky',
    'Views of 0.6 s and more, skips left out',
  ),
  reach: countLook('Reach', 'people reached', '--series-blue', 'Distinct people with an impression'),
  completions: countLook('Completions', 'completions', '--series-pink', 'Impressions played to the end'),
};
