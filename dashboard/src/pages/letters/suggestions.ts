import type { FixStep } from '../../data/types.ts';

/** What usually mends letters of a reason, to begin with. */

export interface Suggestion {
  label: string;
  steps: FixStep[];
  /** True when it is for one letter at a time. */
  isForOne?: boolean;
}

const timeOfReceipt: Suggestion = {
  label: 'Use the time of receipt',
  steps: [{ op: 'remove', field: 'timestamp' }],
};

const BY_REASON: Record<string, Suggestion[]> = {
  missing_event_name: [
    { label: 'Give it a name', steps: [{ op: 'set', field: 'event_name', value: '' }] },
    { label: 'Rename a field', steps: [{ op: 'rename', field: '', value: 'event_name' }] },
  ],
  invalid_event_name: [
    { label: 'Make the name text', steps: [{ op: 'cast', field: 'event_name', value: 'string' }] },
    { label: 'Set another name', steps: [{ op: 'set', field: 'event_name', value: '' }] },
  ],
  invalid_event_id: [
    { label: 'Make an ID of its place', steps: [{ op: 'remove', field: 'event_id' }] },
    { label: 'Make it text', steps: [{ op: 'cast', field: 'event_id', value: 'string' }] },
  ],
  id_collision: [{ label: 'Give it an ID of its own', steps: [{ op: 'remove', field: 'event_id' }] }],
  invalid_timestamp: [
    {
      label: 'Read the timestamp leniently',
      steps: [{ op: 'cast', field: 'timestamp', value: 'timestamp' }],
    },
    timeOfReceipt,
  ],
  timestamp_too_old: [timeOfReceipt],
  timestamp_in_future: [timeOfReceipt],
  invalid_field: [{ label: 'Make a field text', steps: [{ op: 'cast', field: 'user_id', value: 'string' }] }],
  field_too_long: [{ label: 'Leave a field out', steps: [{ op: 'remove', field: '' }] }],
  duplicate_key: [{ label: 'Leave a field out', steps: [{ op: 'remove', field: '' }] }],
  invalid_properties: [{ label: 'Leave properties out', steps: [{ op: 'remove', field: 'properties' }] }],
  invalid_context: [{ label: 'Leave the context out', steps: [{ op: 'remove', field: 'context' }] }],
};

const PROPERTIES = /^properties_too_/;
const CONTEXT = /^context_too_/;

export function suggestFixes(reason: string): Suggestion[] {
  if (PROPERTIES.test(reason))
    return [{ label: 'Leave a property out', steps: [{ op: 'remove', field: 'properties.' }] }];
  if (CONTEXT.test(reason))
    return [{ label: 'Leave the context out', steps: [{ op: 'remove', field: 'context' }] }];
  return BY_REASON[reason] ?? [];
}

/** The whole event, written anew, beginning with what was sent. */
export function rewrite(payload: string): FixStep {
  return { op: 'set', field: '.', value: payload };
}

/** Values are typed as text: what is JSON is meant as JSON. */
export function readValue(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Why the steps cannot even be tried; null when they can. */
export function findFault(steps: readonly FixStep[]): string | null {
  for (const [at, { op, field, value }] of steps.entries()) {
    if (op !== 'set' || field !== '.') continue;
    try {
      const event = JSON.parse(String(value)) as unknown;
      if (typeof event !== 'object' || event === null || Array.isArray(event))
        return `Step ${at + 1}: an event is a JSON object, {…}.`;
    } catch (cause) {
      return `Step ${at + 1}: not JSON yet. ${cause instanceof Error ? cause.message : ''}`;
    }
  }
  return null;
}

/** The steps that are far enough to be tried, as the service takes them. */
export function readySteps(steps: readonly FixStep[]): FixStep[] {
  return steps.flatMap((step) => {
    if (step.field === '' || /(^|[^\\])\.$|\.\.|^\../.test(step.field))
      return step.field === '.' ? [spell(step)] : [];
    if (step.op === 'rename' && (step.value ?? '') === '') return [];
    return [spell(step)];
  });
}

function spell({ op, field, value }: FixStep): FixStep {
  if (op === 'remove') return { op, field };
  return { op, field, value: op === 'set' ? readValue(String(value ?? '')) : value };
}
