import type { Funnel, FunnelDefinition, FunnelStep } from '../../data/types.ts';
import { FILTERS_ADVICE, readFilters, spellFilters } from '../../format/filter-text.ts';

/** A funnel as it is typed; what the form does not show stays as it was. */
export interface Draft {
  name: string;
  title: string;
  hours: string;
  order: FunnelDefinition['order'];
  countBy: FunnelDefinition['count_by'];
  steps: DraftStep[];
  /** Of the funnel that is edited; null for a new one. */
  before: Funnel | null;
}

export interface DraftStep {
  event: string;
  label: string;
  /** `field:op:value`, several with semicolons. */
  filters: string;
}

export const STEPS_MIN = 2;
export const STEPS_MAX = 20;
const SECONDS_PER_HOUR = 3600;

const emptyStep = (): DraftStep => ({ event: '', label: '', filters: '' });

export function newDraft(): Draft {
  const steps = [emptyStep(), emptyStep()];
  return { name: '', title: '', hours: '24', order: 'ordered', countBy: 'actor', steps, before: null };
}

export function draftOf(funnel: Funnel): Draft {
  return {
    name: funnel.name,
    title: funnel.title ?? '',
    hours: String(funnel.window_seconds / SECONDS_PER_HOUR),
    order: funnel.order,
    countBy: funnel.count_by,
    steps: funnel.steps.map((step) => ({
      event: step.event_name,
      label: step.name ?? '',
      filters: spellFilters(step.filters),
    })),
    before: funnel,
  };
}

export function changeStep(draft: Draft, index: number, change: Partial<DraftStep>): Draft {
  return { ...draft, steps: draft.steps.map((step, i) => (i === index ? { ...step, ...change } : step)) };
}

export function addStep(draft: Draft): Draft {
  return { ...draft, steps: [...draft.steps, emptyStep()] };
}

export function removeStep(draft: Draft, index: number): Draft {
  return { ...draft, steps: draft.steps.filter((_, i) => i !== index) };
}

/** What is still wanting before the service can be asked; null when nothing is. */
export function missingOf(draft: Draft): string | null {
  if (draft.name.trim() === '') return 'Give it a name.';
  if (draft.steps.some((step) => step.event.trim() === '')) return 'Name the event of each step.';
  if (!(Number(draft.hours) > 0)) return 'Say within how many hours.';
  const isBad = draft.steps.some((step) => readFilters(step.filters) === null);
  return isBad ? FILTERS_ADVICE : null;
}

/** Of a draft in which nothing is missing. */
export function definitionOf(draft: Draft): FunnelDefinition {
  const { before } = draft;
  return {
    title: draft.title.trim() === '' ? null : draft.title.trim(),
    app_id: before?.app_id ?? null,
    steps: draft.steps.map(
      (step): FunnelStep => ({
        name: step.label.trim() === '' ? null : step.label.trim(),
        event_name: step.event.trim(),
        filters: readFilters(step.filters) ?? [],
      }),
    ),
    window_seconds: Math.round(Number(draft.hours) * SECONDS_PER_HOUR),
    step_window_seconds: draft.order === 'unordered' ? null : (before?.step_window_seconds ?? null),
    order: draft.order,
    count_by: draft.countBy,
    exclusions: before?.exclusions ?? [],
  };
}
