import { AnswerView } from '../../answer/view.tsx';
import type { ApiError } from '../../data/api.ts';
import type { SqlAnswer } from '../../data/types.ts';
import { fullNumber, milliseconds, shortNumber } from '../../format/number.ts';
import { Icon } from '../../ui/icon.tsx';
import { Popover } from '../../ui/popover.tsx';
import type { ExportFormat } from './use-console.ts';

interface Props {
  answer: SqlAnswer;
  isStale: boolean;
  busy: string;
  error: ApiError | null;
  onSave(format: ExportFormat): void;
}

/** What a statement answered, and the ways to take it along. */
export function Answer({ answer, isStale, busy, error, onSave }: Props) {
  return (
    <AnswerView
      title="Answer"
      answer={answer}
      summary={summary(answer)}
      isStale={isStale}
      tools={<Files busy={busy} onSave={onSave} />}
      notes={
        <>
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
        </>
      }
    />
  );
}

function summary({ row_count, elapsed_ms, read_rows }: SqlAnswer): string {
  const rows = `${fullNumber(row_count)} ${row_count === 1 ? 'row' : 'rows'}`;
  const read = read_rows === null ? '' : `, ${shortNumber(read_rows)} read`;
  return `${rows} in ${milliseconds(elapsed_ms)}${read}`;
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
