import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { SqlCell, SqlColumn } from '../data/types.ts';
import { fullNumber, shortNumber } from '../format/number.ts';
import { ChartView } from '../ui/chart-panel.tsx';
import { Panel } from '../ui/panel.tsx';
import { RankedList } from '../ui/ranked-list.tsx';
import { Scroller } from '../ui/scroller.tsx';
import { nextOrder, type Order, orderRows } from './order.ts';
import { isNumber, type Picture, pictureOf, type Rows, spellCell } from './shape.ts';

const ROWS_AT_ONCE = 200;
const CHART_HEIGHT = 304;

/** How cells and the names of columns are written. */
export interface Look {
  spell(cell: SqlCell, column: SqlColumn): string;
  label(name: string): string;
  /** In the place of null. */
  none: string;
}

const AS_IT_CAME: Look = { spell: spellCell, label: (name) => name, none: 'NULL' };

interface Props {
  title: string;
  answer: Rows;
  summary: string;
  isStale: boolean;
  tools: ComponentChildren;
  /** Above the rows. */
  notes?: ComponentChildren;
  /** Default: as it came. */
  look?: Look;
}

/** Rows as a table, or as the picture that suits them. */
export function AnswerView({ title, answer, summary, isStale, tools, notes, look = AS_IT_CAME }: Props) {
  const picture = useMemo(() => pictureOf(answer), [answer]);
  const [wanted, setWanted] = useState<'table' | 'chart'>('table');
  const shown = picture.kind === 'none' ? 'table' : wanted;
  return (
    <Panel
      title={title}
      class="sql-answer"
      tools={
        <>
          <span class="muted" role="status">
            {summary}
          </span>
          {picture.kind !== 'none' && (
            <div class="segments">
              {(['table', 'chart'] as const).map((view) => (
                <button
                  key={view}
                  type="button"
                  class="segment"
                  aria-pressed={shown === view}
                  onClick={() => setWanted(view)}
                >
                  {view === 'table' ? 'Table' : 'Chart'}
                </button>
              ))}
            </div>
          )}
          {tools}
        </>
      }
    >
      {notes}
      <div class={isStale ? 'fresh dimmed' : 'fresh'} aria-busy={isStale}>
        {shown === 'table' ? <RowTable answer={answer} look={look} /> : <Drawn picture={picture} />}
      </div>
    </Panel>
  );
}

function Drawn({ picture }: { picture: Picture }) {
  if (picture.kind === 'lines')
    return (
      <ChartView
        input={picture.input}
        height={CHART_HEIGHT}
        subtitle="SQL"
        note="Times in your zone; the table has them in UTC."
      />
    );
  if (picture.kind === 'bars')
    return (
      <RankedList
        label={picture.value}
        rows={picture.rows}
        total={null}
        short={shortNumber}
        full={fullNumber}
      />
    );
  return null;
}

function RowTable({ answer, look }: { answer: Rows; look: Look }) {
  const [shown, setShown] = useState(ROWS_AT_ONCE);
  const [order, setOrder] = useState<Order | null>(null);
  const { columns } = answer;
  const rows = useMemo(() => orderRows(answer, order), [answer, order]);
  const numeric = columns.map(isNumber);
  if (rows.length === 0) return <p class="panel-note">No row fits.</p>;
  return (
    <>
      <Scroller label="Rows" class="table-scroll sql-rows">
        <table class="table">
          <thead>
            <tr>
              {columns.map((column, index) => (
                <ColumnHead
                  key={index}
                  column={column}
                  label={look.label(column.name)}
                  order={order?.column === column.name ? order.direction : null}
                  onPick={() => setOrder(nextOrder(order, column))}
                />
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, shown).map((row, index) => (
              <tr key={index}>
                {row.map((cell, column) => (
                  <Cell
                    key={column}
                    text={cell === null ? null : look.spell(cell, columns[column]!)}
                    none={look.none}
                    isNumeric={numeric[column]!}
                  />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroller>
      {rows.length > shown && (
        <footer class="panel-foot">
          <button type="button" class="link" onClick={() => setShown(shown + ROWS_AT_ONCE)}>
            Show {Math.min(ROWS_AT_ONCE, rows.length - shown)} more
          </button>
          <span class="muted">
            {fullNumber(shown)} of {fullNumber(rows.length)} shown
          </span>
        </footer>
      )}
    </>
  );
}

interface HeadProps {
  column: SqlColumn;
  label: string;
  order: Order['direction'] | null;
  onPick(): void;
}

function ColumnHead({ column, label, order, onPick }: HeadProps) {
  return (
    <th scope="col" class={isNumber(column) ? 'num' : ''} title={column.type} aria-sort={order ?? 'none'}>
      <button type="button" class="sort" onClick={onPick}>
        {label}
        <span aria-hidden="true">{order === null ? '' : order === 'descending' ? ' ↓' : ' ↑'}</span>
      </button>
    </th>
  );
}

function Cell({ text, none, isNumeric }: { text: string | null; none: string; isNumeric: boolean }) {
  if (text === null) return <td class={isNumeric ? 'num muted' : 'muted'}>{none}</td>;
  return (
    <td class={isNumeric ? 'num' : 'sql-cell'} title={text.length > 40 ? text : undefined}>
      {text}
    </td>
  );
}
