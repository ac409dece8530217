import { useContext, useState } from 'preact/hooks';
import { requestKey } from '../data/api.ts';
import type { DeadLetterGroup, FixStep, LetterState } from '../data/types.ts';
import { useQuery } from '../data/use-query.ts';
import { PageHead } from '../shell/page-head.tsx';
import { usePage } from '../state/page.ts';
import { ServicesContext } from '../state/services.ts';
import { Icon } from '../ui/icon.tsx';
import { Empty, Panel } from '../ui/panel.tsx';
import { GroupDesk } from './letters/group-desk.tsx';
import { LetterDesk } from './letters/letter-desk.tsx';
import { LetterList } from './letters/letter-list.tsx';
import { Reasons } from './letters/reasons.tsx';

const STATES: readonly [LetterState | 'all', string][] = [
  ['open', 'Open'],
  ['replayed', 'Replayed'],
  ['discarded', 'Discarded'],
  ['all', 'All'],
];

/** Events that could not be stored: by reason, one by one, mended, sent again or put aside. */
export function DeadLettersPage() {
  const { location } = useContext(ServicesContext);
  const { app, query } = usePage();
  const reason = query.get('reason');
  const letter = query.get('letter');
  const isBulk = query.get('bulk') === '1' && reason !== null;
  const state = STATES.find(([id]) => id === query.get('state'))?.[0] ?? 'open';
  const groups = useQuery<{ data: DeadLetterGroup[] }>(
    requestKey('/v1/dead-letters/groups', { app_id: app }),
  );
  const isPicked = letter !== null || isBulk;
  const pickState = (next: LetterState | 'all'): void =>
    location.change({ state: next === 'open' ? null : next, letter: null, bulk: null }, 'replace');
  return (
    <>
      <PageHead
        title="Dead letters"
        hasFilters={false}
        caption="Events that could not be stored, with the bytes that were sent"
        tools={<StateSwitch state={state} onPick={pickState} />}
      />
      {groups.data?.data.length === 0 && letter === null ? (
        <Never />
      ) : (
        <div class={isPicked ? 'letters letters-picked' : 'letters'}>
          <Reasons groups={groups} state={state} reason={reason} />
          <LetterList reason={reason} state={state} app={app} picked={letter} />
          <Desk letter={letter} bulk={isBulk ? reason : null} app={app} groups={groups.data?.data ?? []} />
        </div>
      )}
    </>
  );
}

interface DeskProps {
  /** Id of the letter on the desk. */
  letter: string | null;
  /** The reason whose letters are all on the desk. */
  bulk: string | null;
  app: string | null;
  groups: readonly DeadLetterGroup[];
}

/** Where letters are mended: one of them, or all with a reason. */
function Desk({ letter, bulk, app, groups }: DeskProps) {
  const { location } = useContext(ServicesContext);
  // Steps belong to a reason: whoever mends one letter wants the same for the next.
  const [steps, setSteps] = useState<Record<string, FixStep[]>>({});
  const stepsOf = (reason: string) => ({
    steps: steps[reason] ?? [],
    setSteps: (next: FixStep[]) => setSteps((before) => ({ ...before, [reason]: next })),
  });
  const open = groups.find((group) => group.reason === bulk)?.open ?? 0;
  return (
    <div class="letters-desk">
      {(letter !== null || bulk !== null) && (
        <button
          type="button"
          class="button button-small letters-back"
          onClick={() => location.change({ letter: null, bulk: null })}
        >
          <Icon name="back" size={14} /> All letters
        </button>
      )}
      {letter !== null ? (
        <LetterDesk key={letter} id={letter} groups={groups} stepsOf={stepsOf} />
      ) : bulk !== null ? (
        <GroupDesk key={bulk} reason={bulk} app={app} open={open} {...stepsOf(bulk)} />
      ) : (
        <Panel title="What to do" class="letters-hint">
          <Empty>
            <p class="muted">
              Pick a letter to see what was sent and to mend it,
              <br />
              or a reason to mend all letters of that kind at once.
            </p>
          </Empty>
        </Panel>
      )}
    </div>
  );
}

function Never() {
  return (
    <Panel title="Letters" class="letters-never">
      <Empty>
        <Icon name="check" size={20} />
        <p>
          <b>There are no dead letters</b>
          <br />
          <span class="muted">
            Every event that came in could be read. One that cannot will wait here, with its bytes and the
            reason.
          </span>
        </p>
      </Empty>
    </Panel>
  );
}

function StateSwitch({
  state,
  onPick,
}: {
  state: LetterState | 'all';
  onPick: (state: LetterState | 'all') => void;
}) {
  return (
    <fieldset class="segments" aria-label="State of the letters">
      {STATES.map(([id, label]) => (
        <button key={id} type="button" class="segment" aria-pressed={id === state} onClick={() => onPick(id)}>
          {label}
        </button>
      ))}
    </fieldset>
  );
}
