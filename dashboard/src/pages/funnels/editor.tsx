import { useContext } from 'preact/hooks';
import type { Funnel } from '../../data/types.ts';
import { ServicesContext } from '../../state/services.ts';
import { DefinitionForm } from '../../ui/definition-form.tsx';
import { Icon } from '../../ui/icon.tsx';
import {
  addStep,
  changeStep,
  type Draft,
  definitionOf,
  missingOf,
  removeStep,
  STEPS_MAX,
  STEPS_MIN,
} from './draft.ts';

interface Props {
  draft: Draft;
  /** To choose from; others can be typed. */
  eventNames: readonly string[];
  onChange(draft: Draft): void;
  onSaved(name: string): void;
  onCancel(): void;
}

/** The definition of a funnel. */
export function FunnelEditor({ draft, eventNames, onChange, onSaved, onCancel }: Props) {
  const { api } = useContext(ServicesContext);
  async function save(): Promise<void> {
    const name = draft.name.trim();
    await api.send<Funnel>(`/v1/funnels/${encodeURIComponent(name)}`, definitionOf(draft), { method: 'PUT' });
    onSaved(name);
  }
  const tools = draft.steps.length < STEPS_MAX && (
    <button type="button" class="button" onClick={() => onChange(addStep(draft))}>
      + Add a step
    </button>
  );
  return (
    <DefinitionForm
      title={draft.before === null ? 'New funnel' : `Edit ${draft.before.name}`}
      missing={missingOf(draft)}
      save={save}
      onCancel={onCancel}
      tools={tools}
    >
      <Heads draft={draft} onChange={onChange} />
      <datalist id="funnel-events">
        {eventNames.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <ol class="funnel-draft">
        {draft.steps.map((_, index) => (
          <StepFields key={index} draft={draft} index={index} onChange={onChange} />
        ))}
      </ol>
      {draft.before !== null && draft.before.exclusions.length > 0 && (
        <p class="muted small">Its {draft.before.exclusions.length} exclusions stay as they are.</p>
      )}
    </DefinitionForm>
  );
}

function Heads({ draft, onChange }: Pick<Props, 'draft' | 'onChange'>) {
  const change = (part: Partial<Draft>) => onChange({ ...draft, ...part });
  return (
    <div class="definition-heads">
      <label>
        <span class="muted">Name</span>
        <input
          class="input"
          value={draft.name}
          disabled={draft.before !== null}
          onInput={(event) => change({ name: event.currentTarget.value })}
        />
      </label>
      <label>
        <span class="muted">Title</span>
        <input
          class="input"
          value={draft.title}
          placeholder="as the name"
          onInput={(event) => change({ title: event.currentTarget.value })}
        />
      </label>
      <label>
        <span class="muted">Within hours</span>
        <input
          class="input"
          inputMode="decimal"
          value={draft.hours}
          onInput={(event) => change({ hours: event.currentTarget.value })}
        />
      </label>
      <label>
        <span class="muted">Order</span>
        <select
          class="input"
          value={draft.order}
          onChange={(event) => change({ order: event.currentTarget.value as Draft['order'] })}
        >
          <option value="ordered">In order, others between</option>
          <option value="strict">One right after the other</option>
          <option value="unordered">In any order</option>
        </select>
      </label>
      <label>
        <span class="muted">Counts</span>
        <select
          class="input"
          value={draft.countBy}
          onChange={(event) => change({ countBy: event.currentTarget.value as Draft['countBy'] })}
        >
          <option value="actor">People</option>
          <option value="session">Sessions</option>
        </select>
      </label>
    </div>
  );
}

function StepFields({ draft, index, onChange }: Pick<Props, 'draft' | 'onChange'> & { index: number }) {
  const step = draft.steps[index]!;
  const nth = `Step ${index + 1}`;
  return (
    <li>
      <input
        class="input"
        aria-label={`${nth}: event`}
        placeholder="event name"
        list="funnel-events"
        value={step.event}
        onInput={(event) => onChange(changeStep(draft, index, { event: event.currentTarget.value }))}
      />
      <input
        class="input"
        aria-label={`${nth}: label`}
        placeholder="label"
        value={step.label}
        onInput={(event) => onChange(changeStep(draft, index, { label: event.currentTarget.value }))}
      />
      <input
        class="input"
        aria-label={`${nth}: filters`}
        placeholder="only where, such as country:in:DE,AT"
        value={step.filters}
        onInput={(event) => onChange(changeStep(draft, index, { filters: event.currentTarget.value }))}
      />
      <button
        type="button"
        class="icon-button"
        aria-label={`Remove step ${index + 1}`}
        disabled={draft.steps.length <= STEPS_MIN}
        onClick={() => onChange(removeStep(draft, index))}
      >
        <Icon name="close" size={14} />
      </button>
    </li>
  );
}
