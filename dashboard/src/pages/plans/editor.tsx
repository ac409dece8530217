import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import { useEventNames } from '../../data/event-names.ts';
import type { Plan } from '../../data/types-plans.ts';
import { ServicesContext } from '../../state/services.ts';
import { AppSelect } from '../../ui/app-select.tsx';
import { DefinitionForm } from '../../ui/definition-form.tsx';
import { type Draft, definitionOf, missingOf, planPath, readSchema } from './draft.ts';
import { readSample } from './sample.ts';
import { SampleField, StoredTrial } from './trial.tsx';
import { useCheck } from './use-check.ts';

interface Props {
  draft: Draft;
  plans: readonly Plan[];
  onChange(draft: Draft): void;
  onSaved(plan: Plan): void;
  onCancel(): void;
}

const LINES_MIN = 12;
const LINES_MAX = 28;

/** The definition of a plan, tried while it is typed. */
export function PlanEditor({ draft, plans, onChange, onSaved, onCancel }: Props) {
  const { api } = useContext(ServicesContext);
  const [text, setText] = useState('');
  const form = useRef<HTMLDivElement>(null);
  // It opens at the top of the page, and the button may have been far below.
  useEffect(() => form.current?.querySelector<HTMLElement>('input:enabled, textarea')?.focus(), []);
  const event = draft.event.trim();
  const schema = readSchema(draft.schema);
  const sample = text.trim() === '' ? null : readSample(text);
  const checked = useCheck(event, schema.value, sample?.value?.properties ?? null);
  async function save(): Promise<void> {
    const path = planPath(event, draft.app);
    onSaved(await api.send<Plan>(path, definitionOf(draft), { method: 'PUT' }));
  }
  const refused = checked.error?.status === 400 ? checked.error.message : null;
  return (
    <div ref={form}>
      <DefinitionForm
        title={draft.isNew ? 'New plan' : `Edit the plan of ${draft.event}`}
        missing={missingOf(draft, plans)}
        save={save}
        onCancel={onCancel}
        tools={null}
      >
        <Heads draft={draft} onChange={onChange} />
        <div class="plan-desk">
          <SchemaField draft={draft} fault={schema.fault ?? refused} onChange={onChange} />
          <SampleField
            text={text}
            sample={sample}
            checked={checked}
            event={event}
            mode={draft.mode}
            onInput={setText}
          />
        </div>
        <StoredTrial event={event} app={draft.app} schema={refused === null ? schema.value : null} />
      </DefinitionForm>
    </div>
  );
}

type PartProps = Pick<Props, 'draft' | 'onChange'>;

function Heads({ draft, onChange }: PartProps) {
  const names = useEventNames();
  const change = (part: Partial<Draft>) => onChange({ ...draft, ...part });
  return (
    <div class="definition-heads plan-heads">
      <label>
        <span class="muted">Event name</span>
        <input
          class="input"
          list="plan-events"
          maxLength={200}
          spellcheck={false}
          autocapitalize="off"
          value={draft.event}
          disabled={!draft.isNew}
          onInput={(event) => change({ event: event.currentTarget.value })}
        />
        <datalist id="plan-events">
          {names.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
      </label>
      <AppSelect value={draft.app} disabled={!draft.isNew} onPick={(app) => change({ app })} />
      <label>
        <span class="muted">Events that differ are</span>
        <select
          class="input"
          aria-label="Events that differ are"
          value={draft.mode}
          onChange={(event) => change({ mode: event.currentTarget.value as Draft['mode'] })}
        >
          <option value="warn">counted (warn)</option>
          <option value="quarantine">quarantined</option>
        </select>
      </label>
      <label>
        <span class="muted">Owner</span>
        <input
          class="input"
          maxLength={200}
          placeholder="who to ask"
          value={draft.owner}
          onInput={(event) => change({ owner: event.currentTarget.value })}
        />
      </label>
      <label class="plan-description">
        <span class="muted">Description</span>
        <input
          class="input"
          maxLength={2000}
          placeholder="when the event is sent"
          value={draft.description}
          onInput={(event) => change({ description: event.currentTarget.value })}
        />
      </label>
    </div>
  );
}

function SchemaField({ draft, fault, onChange }: PartProps & { fault: string | null }) {
  const lines = Math.min(Math.max(draft.schema.split('\n').length + 1, LINES_MIN), LINES_MAX);
  return (
    <div class="plan-text">
      <label for="plan-schema" class="muted">
        JSON schema of the event’s properties
      </label>
      <textarea
        id="plan-schema"
        class="input mono"
        spellcheck={false}
        autocapitalize="off"
        rows={lines}
        value={draft.schema}
        aria-invalid={fault !== null}
        aria-describedby="plan-schema-fault"
        onInput={(event) => onChange({ ...draft, schema: event.currentTarget.value })}
      />
      <p id="plan-schema-fault" class="plan-verdict" role="status">
        {fault === null ? (
          <span class="muted">
            Such as <code>{'"required": ["price"], "properties": {"price": {"type": "number"}}'}</code>
          </span>
        ) : (
          <span class="verdict-bad">{fault}</span>
        )}
      </p>
    </div>
  );
}
