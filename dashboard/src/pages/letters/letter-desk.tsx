import { useContext } from 'preact/hooks';
import type {
  DeadLetterGroup,
  FixStep,
  InspectedLetter,
  LetterChange,
  LetterResult,
} from '../../data/types.ts';
import { useQuery } from '../../data/use-query.ts';
import { prettyJson } from '../../format/json.ts';
import { reasonWords, sourceWords, stepsFromOne } from '../../format/letter.ts';
import { shortNumber } from '../../format/number.ts';
import { exactTime } from '../../format/time.ts';
import { ServicesContext } from '../../state/services.ts';
import { Icon } from '../../ui/icon.tsx';
import { Panel, SkeletonRows, States } from '../../ui/panel.tsx';
import { Scroller } from '../../ui/scroller.tsx';
import { ActionSaid, Actions } from './actions.tsx';
import { Comparison } from './comparison.tsx';
import { FixEditor } from './fix-editor.tsx';
import { findFault } from './suggestions.ts';
import { type Trial, useAction, useTrial } from './use-replay.ts';

interface Steps {
  steps: FixStep[];
  setSteps: (steps: FixStep[]) => void;
}

interface Props {
  id: string;
  groups: readonly DeadLetterGroup[];
  stepsOf: (reason: string) => Steps;
}

/** One letter: what was sent, why it was not taken, how it can be mended. */
export function LetterDesk({ id, groups, stepsOf }: Props) {
  const query = useQuery<InspectedLetter>(`/v1/dead-letters/${encodeURIComponent(id)}`);
  const letter = query.data;
  return (
    <Panel
      title={letter === null ? 'Letter' : reasonWords(letter.reason)}
      class="desk"
      tools={letter !== null && <span class={`tag desk-state tag-${letter.state}`}>{letter.state}</span>}
    >
      <States query={query} skeleton={<SkeletonRows count={10} />}>
        {letter !== null && <Content letter={letter} groups={groups} {...stepsOf(letter.reason)} />}
      </States>
    </Panel>
  );
}

interface ContentProps extends Steps {
  letter: InspectedLetter;
  groups: readonly DeadLetterGroup[];
}

function Content({ letter, groups, steps, setSteps }: ContentProps) {
  const target = { ids: [letter.id] };
  const canReplay = letter.state !== 'replayed';
  const fault = findFault(steps);
  const action = useAction(target);
  const trial = useTrial(target, steps, { isWanted: canReplay && fault === null, turn: action.turn });
  const result = trial.done?.results[0] ?? null;
  return (
    <div class="desk-content">
      {letter.detail !== null && <p class="desk-detail">{letter.detail}</p>}
      <Facts letter={letter} />
      {letter.truncated && (
        <p class="stale-note">
          <Icon name="alert" size={14} /> It was too large to be kept whole; the bytes below are cut off.
        </p>
      )}
      {canReplay && (
        <section aria-label="Fix">
          <h3 class="desk-title">Fix</h3>
          <FixEditor reason={letter.reason} steps={steps} onChange={setSteps} payload={letter.payload} />
        </section>
      )}
      {canReplay && <Verdict trial={trial} result={result} fault={fault} first={letter.detail} />}
      <Comparison
        before={letter.payload}
        after={canReplay ? (result?.payload ?? null) : null}
        stale={trial.stale}
      />
      {result?.event != null && <AsStored event={result.event} />}
      <History changes={letter.history} />
      {(canReplay || action.outcome !== null) && (
        <footer class="desk-foot">
          {canReplay ? (
            <Actions
              action={action}
              count={1}
              whyNot={fault ?? whyNot(trial, result)}
              canDiscard={letter.state === 'open'}
              onReplay={() => void action.replay(steps)}
              note="The event is sent as shown."
            />
          ) : (
            <ActionSaid action={action} />
          )}
          <Others letter={letter} groups={groups} />
        </footer>
      )}
    </div>
  );
}

function whyNot(trial: Trial, result: LetterResult | null): string | null {
  if (trial.stale) return 'It is being tried';
  return result?.status === 'accepted' ? null : 'It would be rejected as it is now';
}

function Facts({ letter }: { letter: InspectedLetter }) {
  const facts: [string, string][] = [
    ['Received', exactTime(letter.received_at)],
    ['From', sourceWords(letter.source)],
    ['App', letter.app_id ?? 'unknown'],
    ['Event ID', letter.event_id ?? 'none was sent'],
    ['Letter', letter.id],
  ];
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Verdict({
  trial,
  result,
  fault,
  first,
}: {
  trial: Trial;
  result: LetterResult | null;
  fault: string | null;
  /** Why it was not taken when it came. */
  first: string | null;
}) {
  if (fault !== null) {
    return (
      <p class="verdict verdict-bad" aria-live="polite">
        <Icon name="alert" size={14} /> {fault}
      </p>
    );
  }
  return (
    <p class={trial.stale ? 'verdict fresh dimmed' : 'verdict fresh'} aria-live="polite">
      {trial.error !== null ? (
        <span class="verdict-bad">
          <Icon name="alert" size={14} /> {stepsFromOne(trial.error.message)}
        </span>
      ) : result === null ? (
        <span class="muted">Trying …</span>
      ) : result.status === 'accepted' ? (
        <span class="verdict-good">
          <Icon name="check" size={14} />{' '}
          {result.duplicate === true
            ? 'This event is stored already; a replay only closes the letter.'
            : 'It would be taken.'}
        </span>
      ) : (
        <span class="verdict-bad">
          <Icon name="alert" size={14} />{' '}
          {result.reason === first
            ? 'It would be rejected again, for the same reason.'
            : stepsFromOne(result.reason ?? 'It would be rejected.')}
        </span>
      )}
    </p>
  );
}

/** With canonical names, its ID and its time, as every report would see it. */
function AsStored({ event }: { event: string }) {
  return (
    <details class="as-stored">
      <summary>As it would be stored</summary>
      <Scroller label="As it would be stored" class="payload">
        <pre>{prettyJson(event)}</pre>
      </Scroller>
    </details>
  );
}

function History({ changes }: { changes: readonly LetterChange[] }) {
  if (changes.length < 2) return null;
  return (
    <section aria-label="History">
      <h3 class="desk-title">History</h3>
      <ol class="history">
        {changes.slice(1).map((change) => (
          <li key={`${change.state} ${change.at}`}>
            <b>{change.state}</b> <time dateTime={change.at}>{exactTime(change.at)}</time>
            {change.by !== null && <span class="muted"> by {change.by}</span>}
            {change.event_id !== null && (
              <span class="muted">
                {' '}
                as <code>{change.event_id}</code>
              </span>
            )}
            {change.fix.length > 0 && (
              <ul class="history-fix">
                {change.fix.map((step, at) => (
                  <li key={at}>
                    <code>{stepWords(step)}</code>
                  </li>
                ))}
              </ul>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}

function stepWords({ op, field, value }: FixStep): string {
  return value === undefined ? `${op} ${field}` : `${op} ${field} = ${JSON.stringify(value)}`;
}

/** From one letter to all of its kind, with the steps that were tried on it. */
function Others({ letter, groups }: { letter: InspectedLetter; groups: readonly DeadLetterGroup[] }) {
  const { location } = useContext(ServicesContext);
  const open = groups.find((group) => group.reason === letter.reason)?.open ?? 0;
  if (open < 2) return null;
  return (
    <button
      type="button"
      class="link"
      onClick={() => location.change({ reason: letter.reason, bulk: '1', letter: null })}
    >
      Try this on all {shortNumber(open)} with this reason
    </button>
  );
}
