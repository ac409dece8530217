import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { FunnelDefinition } from '../../catalog/funnels.ts';
import { checkSameName, closed, findFault, givenFilters, or, readStored, refuse } from '../definition.ts';

/** What a funnel's definition looks like, how it is read, and what of it is refused. */

export const STEPS_MAX = 20;
const EXCLUSIONS_MAX = 20;
const WINDOW_SECONDS_MAX = 366 * 86_400;
/** As JSON; a value of the definition is a parameter of a statement, which has a bound of its own. */
const DEFINITION_BYTES_MAX = 48 * 1024;

const eventName = Type.String({ minLength: 1, maxLength: 200 });
const stepNumber = or(Type.Integer({ minimum: 1, maximum: STEPS_MAX }));
const seconds = Type.Integer({ minimum: 1, maximum: WINDOW_SECONDS_MAX });

export const GivenDefinition = Type.Object(
  {
    title: or(Type.String({ maxLength: 200 })),
    app_id: or(
      Type.String({ minLength: 1, maxLength: 256, description: 'The app it is about. Default: all apps.' }),
    ),
    steps: Type.Array(
      Type.Object(
        { name: or(Type.String({ maxLength: 200 })), event_name: eventName, filters: givenFilters },
        closed,
      ),
      { minItems: 2, maxItems: STEPS_MAX },
    ),
    window_seconds: seconds,
    step_window_seconds: or(seconds),
    order: or(Type.Enum(['ordered', 'strict', 'unordered'], { description: 'Default: ordered.' })),
    count_by: or(Type.Enum(['actor', 'session'], { description: 'Default: actor.' })),
    exclusions: or(
      Type.Array(
        Type.Object(
          { event_name: eventName, filters: givenFilters, after_step: stepNumber, before_step: stepNumber },
          closed,
        ),
        {
          maxItems: EXCLUSIONS_MAX,
          description: 'Steps are numbered from 1. Default: after the first, before the last.',
        },
      ),
    ),
    // What a GET gave may be sent back as it is.
    name: Type.Optional(Type.String()),
    created_at: Type.Optional(Type.String()),
    updated_at: Type.Optional(Type.String()),
  },
  closed,
);

type Given = Static<typeof GivenDefinition>;

/** The definition, complete. Answers 400 `invalid_request` that names the field. */
export function readDefinition(name: string, body: unknown): FunnelDefinition {
  if (!Value.Check(GivenDefinition, body)) {
    throw refuse(
      findFault(GivenDefinition, body, 'The body is one JSON object with steps and window_seconds.'),
    );
  }
  checkSameName(name, body.name);
  const definition = complete(body);
  const text = JSON.stringify(definition);
  if (Buffer.byteLength(text) > DEFINITION_BYTES_MAX) {
    throw refuse(
      `The definition has more than ${DEFINITION_BYTES_MAX} bytes of JSON. Use fewer or shorter values.`,
    );
  }
  if (text.includes('\\u0000')) throw refuse('A text of the definition holds U+0000.');
  checkRules(definition);
  return definition;
}

function complete(given: Given): FunnelDefinition {
  const filtersOf = (list: Given['steps'][number]['filters']) =>
    (list ?? []).map(({ field, op, value }) => ({ field, op, value }));
  return {
    title: given.title ?? null,
    app_id: given.app_id ?? null,
    steps: given.steps.map((step) => ({
      name: step.name ?? null,
      event_name: step.event_name,
      filters: filtersOf(step.filters),
    })),
    window_seconds: given.window_seconds,
    step_window_seconds: given.step_window_seconds ?? null,
    order: given.order ?? 'ordered',
    count_by: given.count_by ?? 'actor',
    exclusions: (given.exclusions ?? []).map((exclusion) => ({
      event_name: exclusion.event_name,
      filters: filtersOf(exclusion.filters),
      after_step: exclusion.after_step ?? 1,
      before_step: exclusion.before_step ?? given.steps.length,
    })),
  };
}

function checkRules({ steps, exclusions, order, step_window_seconds }: FunnelDefinition): void {
  if (order === 'unordered' && step_window_seconds !== null) {
    throw refuse(
      'step_window_seconds: an unordered funnel has no step before another. Leave it out, or choose another order.',
    );
  }
  steps.forEach((step, i) => void readStored(step.filters, `steps[${i}].filters`));
  exclusions.forEach((exclusion, i) => {
    readStored(exclusion.filters, `exclusions[${i}].filters`);
    const { after_step, before_step } = exclusion;
    if (after_step < before_step && before_step <= steps.length) return;
    throw refuse(
      `exclusions[${i}]: after_step comes before before_step, which is at most ${steps.length}, the number of steps; here they are ${after_step} and ${before_step}.`,
    );
  });
}
