import { useContext } from 'preact/hooks';
import type { Alert } from '../../data/alert-types.ts';
import type { Metric } from '../../data/types.ts';
import { LOOKS } from '../../format/metric.ts';
import { ServicesContext } from '../../state/services.ts';
import { AppSelect } from '../../ui/app-select.tsx';
import { DefinitionForm } from '../../ui/definition-form.tsx';
import { COMPARISONS, type Draft, definitionOf, isShare, missingOf } from './draft.ts';

interface Props {
  draft: Draft;
  onChange(draft: Draft): void;
  onSaved(): void;
  onCancel(): void;
}

const UNITS: Readonly<Record<string, string>> = { watch_time_seconds: 'Seconds', completion_rate: 'Percent' };

/** The definition of a rule. */
export function AlertEditor({ draft, onChange, onSaved, onCancel }: Props) {
  const { api } = useContext(ServicesContext);
  async function save(): Promise<void> {
    const path = `/v1/alerts/${encodeURIComponent(draft.name.trim())}`;
    await api.send<Alert>(path, definitionOf(draft), { method: 'PUT' });
    onSaved();
  }
  const tools = (
    <>
      <label class="check">
        <input
          type="checkbox"
          checked={draft.bots}
          onChange={(event) => onChange({ ...draft, bots: event.currentTarget.checked })}
        />
        Count bots
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={draft.enabled}
          onChange={(event) => onChange({ ...draft, enabled: event.currentTarget.checked })}
        />
        On
      </label>
    </>
  );
  return (
    <DefinitionForm
      title={draft.isNew ? 'New alert' : `Edit ${draft.name}`}
      missing={missingOf(draft)}
      save={save}
      onCancel={onCancel}
      tools={tools}
    >
      <Condition draft={draft} onChange={onChange} />
      <Heads draft={draft} onChange={onChange} />
    </DefinitionForm>
  );
}

type PartProps = Pick<Props, 'draft' | 'onChange'>;

interface FieldProps extends PartProps {
  label: string;
  field: 'name' | 'title' | 'threshold' | 'windowMinutes' | 'forMinutes' | 'filters' | 'webhook';
  placeholder?: string;
  isNumber?: boolean;
  disabled?: boolean;
}

function Field({ draft, onChange, label, field, placeholder, isNumber = false, disabled }: FieldProps) {
  return (
    <label>
      <span class="muted">{label}</span>
      <input
        class="input"
        value={draft[field]}
        inputMode={isNumber ? 'decimal' : undefined}
        placeholder={placeholder}
        disabled={disabled}
        onInput={(event) => onChange({ ...draft, [field]: event.currentTarget.value })}
      />
    </label>
  );
}

/** What is too much. */
function Condition({ draft, onChange }: PartProps) {
  const part = { draft, onChange };
  return (
    <div class="definition-heads">
      <Field {...part} label="Name" field="name" disabled={!draft.isNew} />
      <label>
        <span class="muted">Metric</span>
        <select
          class="input"
          aria-label="Metric"
          value={draft.metric}
          onChange={(event) => onChange({ ...draft, metric: event.currentTarget.value })}
        >
          {(Object.keys(LOOKS) as Metric[]).map((metric) => (
            <option key={metric} value={metric}>
              {LOOKS[metric].label}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span class="muted">Is</span>
        <select
          class="input"
          aria-label="Is above or below"
          value={draft.comparison}
          onChange={(event) =>
            onChange({ ...draft, comparison: event.currentTarget.value as Draft['comparison'] })
          }
        >
          {COMPARISONS.map((comparison) => (
            <option key={comparison} value={comparison}>
              {comparison}
            </option>
          ))}
        </select>
      </label>
      <Field
        {...part}
        label={UNITS[draft.metric] ?? 'Number'}
        field="threshold"
        isNumber
        placeholder={isShare(draft.metric) ? '50' : '100'}
      />
      <Field {...part} label="Within minutes" field="windowMinutes" isNumber />
      <Field {...part} label="For minutes" field="forMinutes" isNumber />
    </div>
  );
}

/** Of what, and who is told. */
function Heads({ draft, onChange }: PartProps) {
  const part = { draft, onChange };
  return (
    <div class="definition-heads">
      <Field {...part} label="Title" field="title" placeholder="as the name" />
      <AppSelect value={draft.app} onPick={(app) => onChange({ ...draft, app })} />
      <Field {...part} label="Only where" field="filters" placeholder="country:in:DE,AT" />
      <Field {...part} label="Tell by webhook" field="webhook" placeholder="https://…" />
    </div>
  );
}
