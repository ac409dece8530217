import { useContext } from 'preact/hooks';
import type { DeadLetter } from '../../data/types.ts';
import { reasonWords, sourceWords } from '../../format/letter.ts';
import { eventTime, exactTime } from '../../format/time.ts';
import { ServicesContext } from '../../state/services.ts';
import { ListFoot } from '../../ui/list-foot.tsx';
import { Empty, Panel, SkeletonRows, States } from '../../ui/panel.tsx';
import { type LetterFilter, useLetters } from './use-letters.ts';

interface Props extends LetterFilter {
  /** Id of the letter on the desk. */
  picked: string | null;
}

/** Arrow keys go from letter to letter, as in a list of mail. */
function moveFocus(event: KeyboardEvent): void {
  const list = (event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>('.letter');
  const at = [...list].indexOf(document.activeElement as HTMLElement);
  const targets: Record<string, number> = {
    ArrowDown: at + 1,
    ArrowUp: at - 1,
    Home: 0,
    End: list.length - 1,
  };
  const target = list[targets[event.key] ?? -1];
  if (target === undefined) return;
  event.preventDefault();
  target.focus();
}

/** The letters themselves, newest first. */
export function LetterList({ picked, ...filter }: Props) {
  const list = useLetters(filter);
  const { items: letters } = list;
  const { reason, state } = filter;
  const all = state === 'all' ? '' : ` ${state}`;
  return (
    <Panel
      title={reason === null ? 'Letters' : reasonWords(reason)}
      class="letters-list"
      tools={<span class="muted">newest first</span>}
    >
      <States
        query={list.first}
        skeleton={<SkeletonRows count={8} />}
        isEmpty={letters.length === 0}
        empty={
          <Empty>
            <p>
              <b>
                No{all} letters{reason === null ? '' : ' with this reason'}
              </b>
              <br />
              <span class="muted">
                {state === 'open' ? 'Nothing waits to be mended.' : 'Pick another state or reason.'}
              </span>
            </p>
          </Empty>
        }
      >
        {/* biome-ignore lint/a11y/noStaticElementInteractions: the buttons within are what takes the focus */}
        <div class="letter-rows" onKeyDown={moveFocus}>
          {letters.map((letter) => (
            <Row
              key={letter.id}
              letter={letter}
              isPicked={letter.id === picked}
              hasReason={reason === null}
              hasState={state === 'all'}
            />
          ))}
        </div>
        <ListFoot list={list} rest="older ones" />
      </States>
    </Panel>
  );
}

interface RowProps {
  letter: DeadLetter;
  isPicked: boolean;
  hasReason: boolean;
  hasState: boolean;
}

function Row({ letter, isPicked, hasReason, hasState }: RowProps) {
  const { location } = useContext(ServicesContext);
  return (
    <button
      type="button"
      class={isPicked ? 'letter letter-picked' : 'letter'}
      aria-current={isPicked ? 'true' : undefined}
      onClick={() => location.change({ letter: letter.id, bulk: null }, isPicked ? 'replace' : 'push')}
    >
      <span class="letter-line">
        <time dateTime={letter.received_at} title={exactTime(letter.received_at)}>
          {eventTime(letter.received_at, new Date())}
        </time>
        <span class="cut muted">{sourceWords(letter.source)}</span>
        {hasState && <span class="tag">{letter.state}</span>}
        {letter.app_id !== null && <span class="tag">{letter.app_id}</span>}
      </span>
      {hasReason && <span class="letter-reason cut">{reasonWords(letter.reason)}</span>}
      <span class="letter-detail cut">{letter.detail ?? letter.reason}</span>
      <code class="cut muted">{letter.payload.slice(0, 200)}</code>
    </button>
  );
}
