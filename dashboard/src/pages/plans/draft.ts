import { requestKey } from '../../data/api.ts';
import type { Plan, PlanDefinition, PlanMode } from '../../data/types-plans.ts';
import { jsonFaultLine, jsonFaultWords } from '../../format/json.ts';

/** A plan as it is typed. */
export interface Draft {
  event: string;
  app: string;
  mode: PlanMode;
  /** JSON text. */
  schema: string;
  description: string;
  owner: string;
  isNew: boolean;
}

const FIRST_SCHEMA = { type: 'object', required: [], properties: {} };

export function newDraft(app: string | null): Draft {
  return {
    event: '',
    app: app ?? '',
    mode: 'warn',
    schema: JSON.stringify(FIRST_SCHEMA, null, 2),
    description: '',
    owner: '',
    isNew: true,
  };
}

export function draftOf(plan: Omit<Plan, 'violations'>): Draft {
  return {
    event: plan.event_name,
    app: plan.app_id ?? '',
    mode: plan.mode,
    schema: JSON.stringify(plan.schema, null, 2),
    description: plan.description ?? '',
    owner: plan.owner ?? '',
    isNew: false,
  };
}

export type Read<T> = { value: T; fault: null } | { value: null; fault: string };

/** What of the schema can be said without the service. */
export function readSchema(text: string): Read<object> {
  return readObject(text, 'A schema is an object, such as {"type": "object"}.');
}

/** @param advice for JSON that is no object */
export function readObject(text: string, advice: string): Read<object> {
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { value, fault: null };
    return { value: null, fault: advice };
  } catch (cause) {
    return { value: null, fault: `Line ${jsonFaultLine(cause, text)}: ${jsonFaultWords(cause)}.` };
  }
}

/** What is still wanting before the service can be asked; null when nothing is. */
export function missingOf(draft: Draft, plans: readonly Plan[]): string | null {
  const event = draft.event.trim();
  if (event === '') return 'Name the event.';
  const isTaken = plans.some(
    ({ event_name, app_id }) => event_name === event && (app_id ?? '') === draft.app.trim(),
  );
  if (draft.isNew && isTaken) return 'There is a plan for it already: edit that one.';
  return readSchema(draft.schema).fault === null ? null : 'Mend the schema.';
}

/** Of a draft in which nothing is missing. */
export function definitionOf(draft: Draft): PlanDefinition {
  const said = (text: string): string | null => (text.trim() === '' ? null : text.trim());
  const { mode, description, owner } = draft;
  return {
    mode,
    schema: readSchema(draft.schema).value,
    description: said(description),
    owner: said(owner),
  };
}

/** Of the service: one plan, or its `check`. @param app empty: the plan for all apps */
export function planPath(event: string, app: string, rest = ''): string {
  return requestKey(`/v1/plans/${encodeURIComponent(event)}${rest}`, { app_id: app });
}
