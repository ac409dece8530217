import { useMemo, useState } from 'preact/hooks';
import type { ApiError } from '../../data/api.ts';
import type { SqlAnswer, SqlCell } from '../../data/types.ts';
import { fullNumber, milliseconds, shortNumber } from '../../format/number.ts';
import { ChartView } from '../../ui/chart-panel.tsx';
import { Icon } from '../../ui/icon.tsx';
import { Panel } from '../../ui/panel.tsx';
import { Popover } from '../../ui/popover.tsx';
import { RankedList } from '../../ui/ranked-list.tsx';
import { Scroller } from '../../ui/scroller.tsx';
import { isNumber, type Picture, pictureOf, spellCell } from './shape.ts';
import type { ExportFormat } from './use-console.ts';

const ROWS_AT_ONCE = 200;
const CHART_HEIGHT = 304;

interface Props {
  answer: SqlAnswer;
  isStale: boolean;
  busy: string;
  error: ApiError | null;
  onSave(format: ExportFormat): void;
}

/** An answer as a table, or as the picture that suits it. */
export function Answer({ answer, isStale, busy, error, onSave }: Props) {
  const picture = useMemo(() => pictureOf(answer), [answer]);
  const [wanted, setWanted] = useState<'table' | 'chart'>('table');
  const shown = picture.kind === 'none' ? 'table' : wanted;
  return (
    <Panel
      title="Answer"
      class="sql-answer"
      tools={
        <>
          <span class="muted" role="status">
            {summary(answer)}
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
          <Files busy={busy} onSave={onSave} />
        </>
      }
    >
      {error !== null && (
        <p class="stale-note" role="alert">
          <Icon name="alert" size={14} /> Not saved: {error.message}
        </p>
      )}
      {answer.truncated && (
        <p class="panel-note">
          There are more rows than these; save the answer as a file, or add a LIMIT or a GROUP BY.
        </p>
      )}
      <div class={isStale ? 'fresh dimmed' : 'fresh'} aria-busy={isStale}>
        {shown === 'table' ? <Rows answer={answer} /> : <Drawn picture={picture} />}
      </div>
    </Panel>
  );
}

function summary({ row_count, elapsed_ms, read_rows }: SqlAnswer): string {
  const rows = `${fullNumber(row_count)} ${row_count === 1 ? 'row' : 'rows'}`;
  const read = read_rows === null ? '' : `, ${shortNumber(read_rows)} read`;
  return `${rows} in ${milliseconds(elapsed_ms)}${read}`;
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

function Rows({ answer }: { answer: SqlAnswer }) {
  const [shown, setShown] = useState(ROWS_AT_ONCE);
  const { columns, rows } = answer;
  const numeric = columns.map(isNumber);
  if (rows.length === 0) return <p class="panel-note">No row fits.</p>;
  return (
    <>
      <Scroller label="Rows" class="table-scroll sql-rows">
        <table class="table">
          <thead>
            <tr>
              {columns.map((column, index) => (
                <th key={index} scope="col" class={numeric[index] ? 'num' : ''} title={column.type}>
                  {column.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, shown).map((row, index) => (
              <tr key={index}>
                {row.map((cell, column) => (
                  <Cell key={column} cell={cell} isNumeric={numeric[column]!} />
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

function Cell({ cell, isNumeric }: { cell: SqlCell; isNumeric: boolean }) {
  if (cell === null) return <td class="muted">NULL</td>;
  const text = spellCell(cell);
  return (
    <td class={isNumeric ? 'num' : 'sql-cell'} title={text.length > 40 ? text : undefined}>
      {text}
    </td>
  );
}

const FORMATS: readonly { format: ExportFormat; label: string }[] = [
  { format: 'csv', label: 'CSV' },
  { format: 'ndjson', label: 'NDJSON' },
  { format: 'parquet', label: 'Parquet' },
];

/** The service writes the file, so that it can hold more rows than the page. */
function Files({ busy, onSave }: Pick<Props, 'busy' | 'onSave'>) {
  const isSaving = FORMATS.some(({ format }) => format === busy);
  return (
    <Popover
      label="Save the answer as a file"
      buttonClass="button button-small"
      align="end"
      button={
        <>
          <Icon name="download" size={14} /> {isSaving ? 'Saving…' : 'Save'}
        </>
      }
    >
      {(close) => (
        <div role="menu" class="menu" aria-label="File">
          {FORMATS.map(({ format, label }) => (
            <button
              key={format}
              type="button"
              role="menuitem"
              class="menu-item"
              onClick={() => {
                onSave(format);
                close();
              }}
            >
              {label}
            </button>
          ))}
        </div>
      )}
    </Popover>
  );
}
