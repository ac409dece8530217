import { useContext } from 'preact/hooks';
import type { FixStep, LetterResult } from '../../data/types.ts';
import { letters, reasonWords, stepsFromOne } from '../../format/letter.ts';
import { fullNumber, shortNumber } from '../../format/number.ts';
import { ServicesContext } from '../../state/services.ts';
import { Icon } from '../../ui/icon.tsx';
import { Empty, Panel } from '../../ui/panel.tsx';
import { Actions } from './actions.tsx';
import { FixEditor } from './fix-editor.tsx';
import { TRIED_MAX, type Trial, useAction, useTrial } from './use-replay.ts';

interface Props {
  reason: string;
  app: string | null;
  /** Letters that wait. */
  open: number;
  steps: FixStep[];
  setSteps: (steps: FixStep[]) => void;
}

/** All open letters with one reason, mended by the same steps. */
export function GroupDesk({ reason, app, open, steps, setSteps }: Props) {
  const target = { reason, app };
  const action = useAction(target);
  const trial = useTrial(target, steps, { isWanted: open > 0, turn: action.turn });
  const results = trial.done?.results ?? [];
  const good = results.filter((result) => result.status === 'accepted').length;
  const rejected = results.filter((result) => result.status === 'rejected');
  return (
    <Panel
      title={`All open: ${reasonWords(reason)}`}
      class="desk"
      tools={<span class="muted">{letters(open)}</span>}
    >
      <div class="desk-content">
        {open === 0 && action.outcome === null ? (
          <Empty>
            <p>
              <b>None are open</b>
              <br />
              <span class="muted">Nothing with this reason waits to be mended.</span>
            </p>
          </Empty>
        ) : (
          <>
            {open > 0 && (
              <section aria-label="Fix">
                <h3 class="desk-title">Fix for each of them</h3>
                <FixEditor reason={reason} steps={steps} onChange={setSteps} payload={null} />
              </section>
            )}
            {open > 0 && <GroupVerdict trial={trial} good={good} />}
            {open > 0 && <Rejected results={rejected} />}
            <footer class="desk-foot">
              <Actions
                action={action}
                count={open}
                whyNot={
                  trial.stale ? 'It is being tried' : good === 0 ? 'None would be taken as it is now' : null
                }
                canDiscard={open > 0}
                onReplay={() => void action.replay(steps)}
                note={`Of ${fullNumber(results.length)} that were tried, ${fullNumber(good)} would be taken; what is rejected stays open.`}
              />
            </footer>
          </>
        )}
      </div>
    </Panel>
  );
}

function GroupVerdict({ trial, good }: { trial: Trial; good: number }) {
  const { done, error, stale } = trial;
  const tried = done?.results.length ?? 0;
  const which = done !== null && done.next_cursor !== null ? `the oldest ${TRIED_MAX}` : 'them';
  return (
    <p class={stale ? 'verdict fresh dimmed' : 'verdict fresh'} aria-live="polite">
      {error !== null ? (
        <span class="verdict-bad">
          <Icon name="alert" size={14} /> {stepsFromOne(error.message)}
        </span>
      ) : done === null ? (
        <span class="muted">Trying …</span>
      ) : (
        <span class={good === tried ? 'verdict-good' : good > 0 ? 'verdict-part' : 'verdict-bad'}>
          <Icon name={good === tried ? 'check' : 'alert'} size={14} />{' '}
          {good === tried
            ? `All of ${which} would be taken.`
            : `Of ${which}, ${good} would be taken, ${tried - good} not.`}
        </span>
      )}
    </p>
  );
}

const LISTED_MAX = 20;

/** Those that stay, by what is wrong with them. */
function Rejected({ results }: { results: readonly LetterResult[] }) {
  const { location } = useContext(ServicesContext);
  if (results.length === 0) return null;
  return (
    <section aria-label="Not taken">
      <h3 class="desk-title">Not taken: {shortNumber(results.length)}</h3>
      <ul class="rejected">
        {results.slice(0, LISTED_MAX).map((result) => (
          <li key={result.id}>
            <button
              type="button"
              class="cell-button"
              title="Look at this letter"
              onClick={() => location.change({ letter: result.id, bulk: null })}
            >
              <code>{result.id.slice(0, 8)}</code> <span>{stepsFromOne(result.reason ?? '')}</span>
            </button>
          </li>
        ))}
      </ul>
      {results.length > LISTED_MAX && <p class="muted small">And {results.length - LISTED_MAX} more.</p>}
    </section>
  );
}
