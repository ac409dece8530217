import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from '../../data/api.ts';
import type { SqlAnswer } from '../../data/types.ts';
import { fileName, saveFile } from '../../format/csv.ts';
import { useNewReader } from '../../state/reader.ts';
import { ServicesContext } from '../../state/services.ts';
import { useStore } from '../../state/store.ts';
import { EXAMPLES, keepInHistory, parametersOf, readHistory } from './statement.ts';

export type ExportFormat = 'csv' | 'ndjson' | 'parquet';

export interface Ran {
  statement: string;
  answer: SqlAnswer | null;
  error: ApiError | null;
}

const PARAMETER_PREFIX = 'p.';

/** What is typed lives here; what ran lives in the URL, so that a link asks the same. */
export function useConsole() {
  const { api, location, storage } = useContext(ServicesContext);
  const { query } = useStore(location.place);
  const linked = query.get('sql');
  const [text, setText] = useState(linked ?? EXAMPLES[0]!.statement);
  const [values, setValues] = useState<Record<string, string>>(() => readValues(query));
  const [ran, setRan] = useState<Ran | null>(null);
  const [saveError, setSaveError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState<'no' | 'asking' | ExportFormat>('no');
  const [history, setHistory] = useState(() => readHistory(storage));
  const under = useRef<AbortController | null>(null);
  const shown = useRef<string | null>(null);
  const parameters = parametersOf(text);
  useNewReader(() => {
    setRan(null);
    setSaveError(null);
  });

  function bodyOf(statement: string, format?: ExportFormat): Record<string, unknown> {
    const params = Object.fromEntries(parametersOf(statement).map(({ name }) => [name, values[name] ?? '']));
    return { query: statement, params, ...(format === undefined ? {} : { format }) };
  }

  async function run(statement = text): Promise<void> {
    if (statement.trim() === '') return;
    const controller = begin('asking');
    shown.current = statement;
    location.change(
      { sql: statement, ...spellValues(query, statement, values) },
      linked === statement ? 'replace' : 'push',
    );
    setHistory(keepInHistory(storage, statement));
    try {
      const answer = await api.send<SqlAnswer>('/query', bodyOf(statement), {
        harmless: true,
        signal: controller.signal,
      });
      if (!controller.signal.aborted) setRan({ statement, answer, error: null });
    } catch (cause) {
      if (!controller.signal.aborted) setRan({ statement, answer: null, error: asApiError(cause) });
    } finally {
      end(controller);
    }
  }

  async function save(format: ExportFormat): Promise<void> {
    if (ran === null) return;
    const controller = begin(format);
    try {
      const file = await api.download('/query', bodyOf(ran.statement, format), controller.signal);
      if (!controller.signal.aborted) saveFile(fileName('sql', format), file);
    } catch (cause) {
      if (!controller.signal.aborted) setSaveError(asApiError(cause));
    } finally {
      end(controller);
    }
  }

  function begin(what: 'asking' | ExportFormat): AbortController {
    under.current?.abort();
    under.current = new AbortController();
    setBusy(what);
    setSaveError(null);
    return under.current;
  }
  function end(controller: AbortController): void {
    if (under.current !== controller) return;
    under.current = null;
    setBusy('no');
  }
  /** The service ends a query whose caller is gone. */
  function cancel(): void {
    under.current?.abort();
    under.current = null;
    setBusy('no');
  }

  // Back, forward and links from elsewhere; and the first look at a linked page.
  useEffect(() => {
    if (linked === null || linked === shown.current) return;
    setText(linked);
    if (parametersOf(linked).every(({ name }) => (values[name] ?? '') !== '')) void run(linked);
    else shown.current = linked;
  }, [linked]);
  useEffect(() => () => under.current?.abort(), []);

  return {
    text,
    setText,
    parameters,
    values,
    setValue: (name: string, value: string) => setValues((now) => ({ ...now, [name]: value })),
    ran,
    saveError,
    busy,
    history,
    run,
    save,
    cancel,
  };
}

function readValues(query: URLSearchParams): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of query)
    if (name.startsWith(PARAMETER_PREFIX)) found[name.slice(PARAMETER_PREFIX.length)] = value;
  return found;
}

/** The parameters of the URL for these values; those of the statement before are taken out. */
function spellValues(
  query: URLSearchParams,
  statement: string,
  values: Readonly<Record<string, string>>,
): Record<string, string | null> {
  const spelled: Record<string, string | null> = {};
  for (const name of query.keys()) if (name.startsWith(PARAMETER_PREFIX)) spelled[name] = null;
  for (const { name } of parametersOf(statement)) spelled[PARAMETER_PREFIX + name] = values[name] ?? '';
  return spelled;
}

function asApiError(cause: unknown): ApiError {
  return cause instanceof ApiError ? cause : new ApiError(String(cause), 0, 'unreachable');
}
