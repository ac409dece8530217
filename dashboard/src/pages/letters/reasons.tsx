import { useContext } from 'preact/hooks';
import type { DeadLetterGroup, LetterState } from '../../data/types.ts';
import type { Query } from '../../data/use-query.ts';
import { letters, reasonWords } from '../../format/letter.ts';
import { fullNumber, shortNumber } from '../../format/number.ts';
import { age, exactTime } from '../../format/time.ts';
import { ServicesContext } from '../../state/services.ts';
import { Empty, Panel, SkeletonRows, States } from '../../ui/panel.tsx';

interface Props {
  groups: Query<{ data: DeadLetterGroup[] }>;
  state: LetterState | 'all';
  reason: string | null;
}

/** Reasons by their number of letters; a click shows only those. */
export function Reasons({ groups, state, reason }: Props) {
  const countOf = (group: DeadLetterGroup): number => (state === 'all' ? group.count : group[state]);
  const rows = (groups.data?.data ?? [])
    .filter((group) => countOf(group) > 0)
    .sort((a, b) => countOf(b) - countOf(a));
  const total = rows.reduce((sum, row) => sum + countOf(row), 0);
  const top = Math.max(1, ...rows.map(countOf));
  return (
    <Panel
      title="Reasons"
      class="letters-reasons"
      tools={<span class="muted">{total > 0 ? letters(total) : ''}</span>}
    >
      <States
        query={groups}
        skeleton={<SkeletonRows count={4} />}
        isEmpty={rows.length === 0}
        empty={
          <Empty>
            <p>
              <b>{state === 'open' ? 'None are open' : 'None'}</b>
              <br />
              <span class="muted">
                {state === 'open'
                  ? 'Every event that came in was read, mended or put aside.'
                  : 'There are no such letters.'}
              </span>
            </p>
          </Empty>
        }
      >
        <ul class="reasons" aria-label="Dead letters by reason">
          {rows.map((group) => (
            <Reason
              key={group.reason}
              group={group}
              count={countOf(group)}
              share={countOf(group) / top}
              isPicked={group.reason === reason}
            />
          ))}
        </ul>
      </States>
    </Panel>
  );
}

interface RowProps {
  group: DeadLetterGroup;
  count: number;
  /** Of the largest, 0..1. */
  share: number;
  isPicked: boolean;
}

function Reason({ group, count, share, isPicked }: RowProps) {
  const { location } = useContext(ServicesContext);
  const { reason, open, first_seen, last_seen } = group;
  const ago = (time: string): string => age(Date.now() - Date.parse(time));
  const isOnce = ago(first_seen) === ago(last_seen);
  return (
    <li class={isPicked ? 'reason reason-picked' : 'reason'} style={{ '--share': `${share * 100}%` }}>
      <button
        type="button"
        class="reason-main"
        aria-pressed={isPicked}
        title={isPicked ? 'Show all reasons' : `Show only ${reason}`}
        onClick={() =>
          location.change({ reason: isPicked ? null : reason, letter: null, bulk: null }, 'replace')
        }
      >
        <span class="cut">{reasonWords(reason)}</span>
        <b title={`${fullNumber(count)} letters`}>{shortNumber(count)}</b>
        <span class="muted small reason-seen">
          {!isOnce && <span title={exactTime(first_seen)}>first {ago(first_seen)} · </span>}
          <span title={exactTime(last_seen)}>{isOnce ? ago(last_seen) : `last ${ago(last_seen)}`}</span>
        </span>
      </button>
      {isPicked && open > 1 && (
        <button
          type="button"
          class="button button-small"
          onClick={() => location.change({ bulk: '1', letter: null })}
        >
          Mend all {shortNumber(open)} open
        </button>
      )}
    </li>
  );
}
