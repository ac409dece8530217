/** Funnels as the service answers them. */
const STEPS = [
  { name: 'Visit', event_name: 'page_view', filters: [] },
  { name: null, event_name: 'video_start', filters: [{ field: 'country', op: 'in', value: ['DE', 'AT'] }] },
  { name: `An end ${'that is long '.repeat(10)}`, event_name: 'video_complete', filters: [] },
];

export const FUNNELS = ['to-the-end', 'sign-up'].map((name) => ({
  name,
  title: name === 'sign-up' ? null : 'Watched to the end',
  app_id: null,
  steps: STEPS,
  window_seconds: 7200,
  step_window_seconds: null,
  order: 'ordered',
  count_by: 'actor',
  exclusions: [],
}));

export function funnelAnswer(query: URLSearchParams): unknown {
  const steps = [12_345, 4_000, 321].map((count, i, all) => ({
    step: i + 1,
    name: STEPS[i]!.name,
    event_name: STEPS[i]!.event_name,
    count,
    conversion_from_start: count / all[0]!,
    conversion_from_previous: i === 0 ? 1 : count / all[i - 1]!,
    drop_off: i === 0 ? 0 : all[i - 1]! - count,
    median_seconds_from_previous: i === 0 ? null : 90 * i,
  }));
  const breakdown = query.has('breakdown') ? ['DE', ''].map((value) => ({ value, steps })) : [];
  return { name: 'to-the-end', count_by: 'actor', steps, total_conversion: 321 / 12_345, breakdown };
}
