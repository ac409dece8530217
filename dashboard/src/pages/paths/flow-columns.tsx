import { useState } from 'preact/hooks';
import type { Paths } from '../../data/types-retention.ts';
import { fullNumber, percent, shortNumber } from '../../format/number.ts';
import { Icon } from '../../ui/icon.tsx';
import { Scroller } from '../../ui/scroller.tsx';
import { columnsOf, type FlowColumn, type FlowNode, neighboursOf, placeOf } from './flow.ts';

const NODES_SHOWN = 10;

interface Props {
  answer: Paths;
  /** Goes on from a page or event, as the place to begin at. */
  onStart(name: string): void;
}

/** The steps side by side. A picked node says how many of its sessions come from and go to each node beside it. */
export function FlowColumns({ answer, onStart }: Props) {
  const [picked, setPicked] = useState<FlowNode | null>(null);
  const columns = columnsOf(answer);
  const node = columns
    .flatMap(({ nodes }) => nodes)
    .find(({ step, name }) => step === picked?.step && name === picked.name);
  const beside = node === undefined ? null : neighboursOf(answer, node);
  return (
    <>
      <p class="panel-note flow-said" aria-live="polite">
        {node === undefined ? (
          'Pick a row to see where its sessions come from and go to.'
        ) : (
          <>
            <span>{nodeWords(answer, node)}</span>
            <button type="button" class="button button-small" onClick={() => onStart(node.name)}>
              Begin at it <Icon name="arrow" size={14} />
            </button>
          </>
        )}
      </p>
      <Scroller class="flow-scroll" label="Steps side by side">
        <ol class="flow-columns" aria-label="Steps">
          {columns.map((column) => (
            <Column
              key={column.step}
              column={column}
              title={stepTitle(answer, column.step)}
              picked={node ?? null}
              beside={beside}
              onPick={(one) => setPicked(one === node ? null : one)}
            />
          ))}
        </ol>
      </Scroller>
    </>
  );
}

function stepTitle({ start, end }: Paths, step: number): string {
  if (step === 1) return end !== null ? 'The end' : start !== null ? 'The start' : 'First';
  if (end !== null) return `${step - 1} before`;
  return start !== null ? `${step - 1} after` : `Step ${step}`;
}

function nodeWords(answer: Paths, { name, sessions, onward }: FlowNode): string {
  const rest = Math.max(0, sessions - onward);
  const gone =
    answer.end === null
      ? 'end there, or go on by a way that is not among the shown'
      : 'begin there, or came by a way that is not among the shown';
  return `${name}: ${fullNumber(sessions)} sessions; ${fullNumber(rest)} of them ${gone}.`;
}

interface ColumnProps {
  column: FlowColumn;
  title: string;
  picked: FlowNode | null;
  /** Null: nothing is picked. */
  beside: Map<string, number> | null;
  onPick(node: FlowNode): void;
}

function Column({ column, title, picked, beside, onPick }: ColumnProps) {
  const [all, setAll] = useState(false);
  const top = column.nodes[0]?.sessions ?? 0;
  const shown = column.nodes.filter(
    ({ step, name }, index) => all || index < NODES_SHOWN || beside?.has(placeOf(step, name)) === true,
  );
  return (
    <li class="flow-column">
      <h3>
        {title} <span class="muted">{shortNumber(column.sessions)} sessions</span>
      </h3>
      <ul>
        {shown.map((node) => {
          const linked = beside?.get(placeOf(node.step, node.name));
          const isPicked = node.step === picked?.step && node.name === picked.name;
          const isFar = beside !== null && linked === undefined && !isPicked;
          return (
            <li key={node.name}>
              <button
                type="button"
                class={`flow-node${isPicked ? ' flow-picked' : ''}${isFar ? ' flow-far' : ''}`}
                aria-pressed={isPicked}
                title={`${node.name}: ${fullNumber(node.sessions)} sessions`}
                style={{ '--share': `${top === 0 ? 0 : ((linked ?? node.sessions) / top) * 100}%` }}
                onClick={() => onPick(node)}
              >
                <span class="flow-name">{node.name}</span>
                <span class="flow-count">
                  {linked === undefined ? (
                    <b>{shortNumber(node.sessions)}</b>
                  ) : (
                    <>
                      <b>{shortNumber(linked)}</b>{' '}
                      <span class="muted">{percent(linked / Math.max(1, picked?.sessions ?? 1))}</span>
                    </>
                  )}
                </span>
              </button>
            </li>
          );
        })}
      </ul>
      {column.nodes.length > NODES_SHOWN && (
        <button type="button" class="link small" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? 'Show fewer' : `Show all ${column.nodes.length}`}
        </button>
      )}
    </li>
  );
}
