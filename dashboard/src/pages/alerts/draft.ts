import type { Alert, AlertDefinition } from '../../data/alert-types.ts';
import { FILTERS_ADVICE, readFilters, spellFilters } from '../../format/filter-text.ts';

/** A rule as it is typed. */
export interface Draft {
  name: string;
  title: string;
  app: string;
  metric: string;
  filters: string;
  comparison: AlertDefinition['comparison'];
  /** Of a share in percent. */
  threshold: string;
  windowMinutes: string;
  forMinutes: string;
  webhook: string;
  bots: boolean;
  enabled: boolean;
  isNew: boolean;
}

export const COMPARISONS: readonly AlertDefinition['comparison'][] = ['>', '>=', '<', '<='];

/** Metrics whose numbers are 0 to 1, and which people write in percent. */
export const isShare = (metric: string): boolean => metric === 'completion_rate';

const SECONDS_PER_MINUTE = 60;

export function newDraft(app: string | null): Draft {
  return {
    name: '',
    title: '',
    app: app ?? '',
    metric: 'errors',
    filters: '',
    comparison: '>',
    threshold: '',
    windowMinutes: '5',
    forMinutes: '1',
    webhook: '',
    bots: false,
    enabled: true,
    isNew: true,
  };
}

/** Without the dust of binary fractions. */
const plain = (value: number): string => String(Number(value.toPrecision(12)));

export function draftOf(alert: Alert): Draft {
  return {
    name: alert.name,
    title: alert.title ?? '',
    app: alert.app_id ?? '',
    metric: alert.metric,
    filters: spellFilters(alert.filters),
    comparison: alert.comparison,
    threshold: plain(isShare(alert.metric) ? alert.threshold * 100 : alert.threshold),
    windowMinutes: plain(alert.window_seconds / SECONDS_PER_MINUTE),
    forMinutes: plain(alert.for_seconds / SECONDS_PER_MINUTE),
    webhook: alert.webhook_url ?? '',
    bots: alert.bots,
    enabled: alert.enabled,
    isNew: false,
  };
}

const isNumber = (text: string): boolean => text.trim() !== '' && Number.isFinite(Number(text));

/** What is still wanting before the service can be asked; null when nothing is. */
export function missingOf(draft: Draft): string | null {
  if (draft.name.trim() === '') return 'Give it a name.';
  if (!isNumber(draft.threshold)) return 'Say from which number on it is too much, or too little.';
  if (!(Number(draft.windowMinutes) >= 1)) return 'Say over how many minutes, at least 1.';
  if (!isNumber(draft.forMinutes) || Number(draft.forMinutes) < 0)
    return 'Say for how many minutes it has to hold; 0 is at once.';
  return readFilters(draft.filters) === null ? FILTERS_ADVICE : null;
}

/** Of a draft in which nothing is missing. */
export function definitionOf(draft: Draft): AlertDefinition {
  const said = (text: string): string | null => (text.trim() === '' ? null : text.trim());
  const threshold = Number(draft.threshold);
  return {
    title: said(draft.title),
    app_id: said(draft.app),
    metric: draft.metric,
    filters: readFilters(draft.filters) ?? [],
    bots: draft.bots,
    window_seconds: Math.round(Number(draft.windowMinutes) * SECONDS_PER_MINUTE),
    comparison: draft.comparison,
    threshold: isShare(draft.metric) ? Number((threshold / 100).toPrecision(12)) : threshold,
    for_seconds: Math.round(Number(draft.forMinutes) * SECONDS_PER_MINUTE),
    webhook_url: said(draft.webhook),
    enabled: draft.enabled,
  };
}
