import { PageHead } from '../shell/page-head.tsx';
import { Failure } from '../ui/panel.tsx';
import { Answer } from './sql/answer.tsx';
import { Editor } from './sql/editor.tsx';
import { useConsole } from './sql/use-console.ts';

/** SQL of one's own over the tables of the service, with the answer as a table, a picture or a file. */
export function SqlPage() {
  const desk = useConsole();
  const { ran, busy } = desk;
  return (
    <>
      <PageHead title="SQL" caption="One SELECT over your apps’ rows, times in UTC" hasFilters={false} />
      <Editor desk={desk} />
      {ran === null && busy !== 'asking' && (
        <p class="panel sql-hint muted">The answer comes here. Ctrl-Enter runs the statement.</p>
      )}
      {ran === null && busy === 'asking' && (
        <p class="panel sql-hint muted" role="status">
          Asking…
        </p>
      )}
      {ran?.error != null && (
        <div class="panel">
          <Failure error={ran.error} onRetry={() => void desk.run(ran.statement)} />
        </div>
      )}
      {ran?.answer != null && (
        <Answer
          key={ran.statement}
          answer={ran.answer}
          isStale={busy === 'asking'}
          busy={busy}
          error={desk.saveError}
          onSave={(format) => void desk.save(format)}
        />
      )}
    </>
  );
}
