import { AnswerView } from '../../answer/view.tsx';
import type { Report } from '../../data/types.ts';
import { fileName, saveFile, spellCsv } from '../../format/csv.ts';
import { fullNumber } from '../../format/number.ts';
import { usePage } from '../../state/page.ts';
import { Icon } from '../../ui/icon.tsx';
import { REPORT_LOOK, reportTable } from './table.ts';

interface Props {
  title: string;
  report: Report;
  isStale: boolean;
  /** Above the rows. */
  note?: string | null;
}

/** The rows of a report, to look at and to take along. */
export function ReportRows({ title, report, isStale, note = null }: Props) {
  const { range } = usePage();
  const table = reportTable(report);
  const save = () => {
    const head = table.columns.map(({ name }) => name);
    const rows = table.rows.map((row) =>
      row.map((cell) => (typeof cell === 'number' || cell === null ? cell : String(cell))),
    );
    const file = new Blob([spellCsv([head, ...rows])], { type: 'text/csv' });
    saveFile(fileName(`${report.template} ${range.label}`, 'csv'), file);
  };
  const count = report.rows.length;
  return (
    <AnswerView
      title={title}
      answer={table}
      summary={`${fullNumber(count)} ${count === 1 ? 'row' : 'rows'}`}
      isStale={isStale}
      look={REPORT_LOOK}
      {...(note === null ? {} : { notes: <p class="panel-note">{note}</p> })}
      tools={
        <button type="button" class="button button-small" onClick={save}>
          <Icon name="download" size={14} /> CSV
        </button>
      }
    />
  );
}
