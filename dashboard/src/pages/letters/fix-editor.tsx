import type { FixOp, FixStep } from '../../data/types.ts';
import { Icon } from '../../ui/icon.tsx';
import { rewrite, suggestFixes } from './suggestions.ts';

interface Props {
  reason: string;
  steps: FixStep[];
  onChange: (steps: FixStep[]) => void;
  /** What was sent, where the fix is for one letter; null for many. */
  payload: string | null;
}

const OPS: readonly [FixOp, string][] = [
  ['set', 'Set'],
  ['rename', 'Rename'],
  ['remove', 'Remove'],
  ['cast', 'Make'],
];
const KINDS = ['number', 'string', 'boolean', 'timestamp'];
const STEPS_MAX = 50;

/** Steps that change the event before it is sent again. */
export function FixEditor({ reason, steps, onChange, payload }: Props) {
  const change = (at: number, step: FixStep): void =>
    onChange(steps.map((one, i) => (i === at ? step : one)));
  return (
    <div class="fix">
      {steps.length === 0 ? (
        <p class="muted small">Nothing is changed: the event is tried as it was sent.</p>
      ) : (
        <ol class="fix-steps">
          {steps.map((step, at) => (
            <Step
              key={at}
              number={at + 1}
              step={step}
              onChange={(next) => change(at, next)}
              onRemove={() => onChange(steps.filter((_, i) => i !== at))}
            />
          ))}
        </ol>
      )}
      <div class="fix-add">
        <button
          type="button"
          class="button button-small"
          disabled={steps.length >= STEPS_MAX}
          onClick={() => onChange([...steps, { op: 'set', field: '', value: '' }])}
        >
          + Add a step
        </button>
        {steps.length === 0 &&
          suggestFixes(reason).map(({ label, steps: suggested }) => (
            <button
              key={label}
              type="button"
              class="button button-small button-soft"
              onClick={() => onChange(suggested)}
            >
              {label}
            </button>
          ))}
        {steps.length === 0 && payload !== null && (
          <button
            type="button"
            class="button button-small button-soft"
            onClick={() => onChange([rewrite(payload)])}
          >
            Write it anew
          </button>
        )}
        {steps.length > 0 && (
          <button type="button" class="button button-small button-quiet" onClick={() => onChange([])}>
            Clear
          </button>
        )}
      </div>
    </div>
  );
}

interface StepProps {
  number: number;
  step: FixStep;
  onChange: (step: FixStep) => void;
  onRemove: () => void;
}

function Step({ number, step, onChange, onRemove }: StepProps) {
  const { op, field } = step;
  const isWhole = op === 'set' && field === '.';
  function pickOp(next: FixOp): void {
    if (next === 'remove') onChange({ op: next, field });
    else onChange({ op: next, field, value: next === 'cast' ? 'number' : '' });
  }
  return (
    <li class={isWhole ? 'fix-step fix-step-whole' : 'fix-step'}>
      <select
        class="input input-small"
        aria-label={`Step ${number}: what to do`}
        value={op}
        onChange={(event) => pickOp(event.currentTarget.value as FixOp)}
      >
        {OPS.map(([id, label]) => (
          <option key={id} value={id}>
            {label}
          </option>
        ))}
      </select>
      <input
        class="input input-small mono"
        aria-label={`Step ${number}: field`}
        placeholder="properties.watch_ms"
        spellcheck={false}
        autocapitalize="off"
        value={field}
        onInput={(event) => onChange({ ...step, field: event.currentTarget.value })}
      />
      {isWhole && <span class="muted small">the whole event</span>}
      <StepValue number={number} step={step} onChange={onChange} isWhole={isWhole} />
      <button type="button" class="icon-button" aria-label={`Remove step ${number}`} onClick={onRemove}>
        <Icon name="close" size={14} />
      </button>
    </li>
  );
}

interface ValueProps extends Omit<StepProps, 'onRemove'> {
  isWhole: boolean;
}

function StepValue({ number, step, onChange, isWhole }: ValueProps) {
  const text = typeof step.value === 'string' ? step.value : JSON.stringify(step.value ?? '');
  const put = (value: string): void => onChange({ ...step, value });
  if (step.op === 'remove') return null;
  if (step.op === 'cast') {
    return (
      <>
        <span class="muted small">a</span>
        <select
          class="input input-small"
          aria-label={`Step ${number}: kind of value`}
          value={text}
          onChange={(event) => put(event.currentTarget.value)}
        >
          {KINDS.map((kind) => (
            <option key={kind}>{kind}</option>
          ))}
        </select>
      </>
    );
  }
  if (isWhole) {
    return (
      <textarea
        class="input mono fix-whole"
        aria-label={`Step ${number}: the event as JSON`}
        spellcheck={false}
        rows={8}
        value={text}
        onInput={(event) => put(event.currentTarget.value)}
      />
    );
  }
  const isSet = step.op === 'set';
  return (
    <>
      <span class="muted small">to</span>
      <input
        class="input input-small mono"
        aria-label={`Step ${number}: ${isSet ? 'value' : 'new name'}`}
        placeholder={isSet ? 'JSON, or text' : 'new name'}
        spellcheck={false}
        autocapitalize="off"
        value={text}
        onInput={(event) => put(event.currentTarget.value)}
      />
    </>
  );
}
