import type { ComponentChildren } from 'preact';
import { useContext, useId, useState } from 'preact/hooks';
import { ApiError } from '../../data/api.ts';
import type { PlanCheck, PlanMode } from '../../data/types-plans.ts';
import { fullNumber } from '../../format/number.ts';
import { eventTime, exactTime } from '../../format/time.ts';
import { useReader } from '../../state/reader.ts';
import { ServicesContext } from '../../state/services.ts';
import { Icon } from '../../ui/icon.tsx';
import { planPath, type Read } from './draft.ts';
import type { Sample } from './sample.ts';
import type { Checked } from './use-check.ts';

interface SampleProps {
  text: string;
  sample: Read<Sample> | null;
  checked: Checked;
  event: string;
  mode: PlanMode;
  onInput(text: string): void;
}

const PLACEHOLDER = '{"event_name": "purchase", "properties": {"price": 9.5}}';

/** One event, pasted, and what would become of it. */
export function SampleField({ text, sample, checked, event, mode, onInput }: SampleProps) {
  // The form and the plan that it is about may stand on one page.
  const id = useId();
  return (
    <div class="plan-text plan-sample">
      <label for={id} class="muted">
        Try it: paste an event, or its properties
      </label>
      <textarea
        id={id}
        class="input mono"
        spellcheck={false}
        autocapitalize="off"
        rows={12}
        placeholder={PLACEHOLDER}
        value={text}
        aria-describedby={`${id}-verdict`}
        onInput={(input) => onInput(input.currentTarget.value)}
      />
      <p id={`${id}-verdict`} class="plan-verdict" role="status">
        <SampleVerdict sample={sample} checked={checked} event={event} mode={mode} />
      </p>
    </div>
  );
}

function SampleVerdict({ sample, checked, event, mode }: Omit<SampleProps, 'text' | 'onInput'>) {
  if (sample === null) return <span class="muted">What would become of it is said here.</span>;
  if (sample.value === null) return <Said look="bad">{sample.fault}</Said>;
  const { eventName } = sample.value;
  if (eventName !== null && event !== '' && eventName !== event)
    return (
      <Said look="part">
        It is an event “{eventName}”: this plan, of “{event}”, is not asked about it.
      </Said>
    );
  if (checked.error !== null)
    return checked.error.status === 400 ? (
      <span class="muted">First the schema has to be one.</span>
    ) : (
      <Said look="bad">{checked.error.message}</Said>
    );
  if (checked.answer === null) return <span class="muted">Asking…</span>;
  const [fault] = checked.answer.examples;
  if (fault === undefined) return <Said look="good">It is as planned, and would be stored.</Said>;
  return (
    <Said look={mode === 'warn' ? 'part' : 'bad'}>
      <code>{fault.path}</code> {fault.expected}.{' '}
      {mode === 'warn'
        ? 'It would be stored, and counted as a violation.'
        : 'It would be quarantined: a dead letter, and not stored.'}
    </Said>
  );
}

function Said({ look, children }: { look: 'good' | 'part' | 'bad'; children: ComponentChildren }) {
  return (
    <span class={`verdict-${look} plan-said`}>
      <Icon name={look === 'good' ? 'check' : 'alert'} size={14} /> <span>{children}</span>
    </span>
  );
}

interface StoredProps {
  event: string;
  app: string;
  /** Null: it cannot be asked about yet. */
  schema: object | null;
}

/** The last stored events, held against a schema when it is asked for. */
export function StoredTrial({ event, app, schema }: StoredProps) {
  const { api } = useContext(ServicesContext);
  const asked = JSON.stringify([useReader(), event, app, schema]);
  const [found, setFound] = useState<{ asked: string; answer: PlanCheck | null; error: string | null }>({
    asked: '',
    answer: null,
    error: null,
  });
  const [busy, setBusy] = useState(false);
  async function ask(): Promise<void> {
    setBusy(true);
    try {
      const path = planPath(event, app, '/check');
      const answer = await api.send<PlanCheck>(path, { schema }, { harmless: true });
      setFound({ asked, answer, error: null });
    } catch (cause) {
      setFound({ asked, answer: null, error: cause instanceof ApiError ? cause.message : String(cause) });
    }
    setBusy(false);
  }
  const isCurrent = found.asked === asked;
  const { answer, error } = found;
  return (
    <div class="plan-stored">
      <div class="plan-stored-line">
        <button
          type="button"
          class="button button-small"
          disabled={schema === null || event === '' || busy}
          onClick={() => void ask()}
        >
          {busy ? 'Asking…' : 'Try it on stored events'}
        </button>
        <span role="status" class="small">
          {isCurrent && error !== null && <Said look="bad">{error}</Said>}
          {isCurrent && answer !== null && <StoredVerdict answer={answer} />}
        </span>
      </div>
      {isCurrent && answer !== null && answer.examples.length > 0 && (
        <ul class="plan-examples" aria-label="Stored events that differ">
          {answer.examples.map(({ event_id, timestamp, app_id, path, expected }) => (
            <li key={event_id}>
              <span>
                <code>{path}</code> {expected}
              </span>
              <span class="muted" title={event_id ?? undefined}>
                {app_id},{' '}
                <time dateTime={timestamp ?? ''} title={exactTime(timestamp ?? '')}>
                  {eventTime(timestamp ?? '', new Date())}
                </time>
              </span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function StoredVerdict({ answer: { checked, violations, examples } }: { answer: PlanCheck }) {
  if (checked === 0)
    return <span class="muted">No event of that name was stored in the last seven days.</span>;
  const of = checked === 1 ? 'the one stored event' : `the last ${fullNumber(checked)} stored events`;
  if (violations === 0) return <Said look="good">As planned: {of} of seven days.</Said>;
  const shown = examples.length < violations ? `; ${examples.length} of them:` : ':';
  return (
    <Said look="part">
      {fullNumber(violations)} of {of} would break it{shown}
    </Said>
  );
}
