/** Reports as the service answers them: one of figures, one of rows with every kind of parameter and column. */
import { CAMPAIGN_COLUMNS, campaignRows, PAGE_COLUMNS, pageRows } from './dashboard-behavior-data.ts';

const COMMON = { app_id: {}, from: {}, to: {}, timezone: {}, bots: {} };
const OVERVIEW = {
  template: 'overview_stats',
  title: 'Overview',
  description:
    'The main numbers of a range in one row, and the same of the period of equal length before it.',
  params: { properties: COMMON },
  columns: [
    { name: 'events', type: 'integer' },
    { name: 'watch_time_seconds', type: 'number' },
    { name: 'avg_watch_percentage', type: 'number' },
    { name: 'completion_rate', type: 'number' },
    { name: 'errors', type: 'integer' },
    { name: 'previous', type: 'object' },
  ],
};
const TOP = {
  template: 'top_content',
  title: 'Top content',
  description: 'The videos with the most views, or the most of something else.',
  params: {
    properties: {
      ...COMMON,
      sort: { type: 'string', enum: ['views', 'completion_rate'], default: 'views' },
      zero_results: { type: 'boolean', default: false },
      video_id: { type: 'string', default: '' },
      limit: { type: 'integer', minimum: 1, maximum: 1000, default: 50 },
    },
  },
  columns: [
    { name: 'video_id', type: 'string' },
    { name: 'title', type: 'string' },
    { name: 'views', type: 'integer' },
    { name: 'watch_time_seconds', type: 'number' },
    { name: 'completion_rate', type: 'number' },
    { name: 'last_seen', type: 'time' },
  ],
};

export const REPORT_TEMPLATES = [OVERVIEW, TOP];

export function reportAnswer(isEmpty: boolean, template: string): unknown {
  const row = {
    events: 81_234,
    watch_time_seconds: 912_345,
    avg_watch_percentage: 61.5,
    completion_rate: 0.42,
  };
  const overview = { ...row, errors: 12, previous: { ...row, events: 60_000, errors: 20 } };
  const top = Array.from({ length: isEmpty ? 0 : 12 }, (_, i) => ({
    video_id: `tt-harbour-${i}`,
    title: i === 2 ? `A title ${'that goes on '.repeat(12)}` : i === 3 ? null : `Harbour Lights ${i}`,
    views: 1_000 - i * 70,
    watch_time_seconds: 90_000 - i * 5_000,
    completion_rate: 0.5 - i / 40,
    last_seen: new Date(Date.now() - i * 60_000).toISOString(),
  }));
  const stamp = { generated_at: new Date().toISOString(), cached: false };
  if (template === 'campaigns')
    return { template, params: {}, columns: CAMPAIGN_COLUMNS, rows: campaignRows(isEmpty), ...stamp };
  if (template === 'pages')
    return { template, params: {}, columns: PAGE_COLUMNS, rows: pageRows(isEmpty), ...stamp };
  const { columns } = template === TOP.template ? TOP : OVERVIEW;
  const rows = template === TOP.template ? top : [overview];
  return { template, params: {}, columns, rows, ...stamp };
}
