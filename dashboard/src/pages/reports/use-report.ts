import { useContext, useEffect, useState } from 'preact/hooks';
import { ApiError } from '../../data/api.ts';
import type { Report } from '../../data/types.ts';
import { useNewReader, useReader } from '../../state/reader.ts';
import { ServicesContext } from '../../state/services.ts';
import { useStore } from '../../state/store.ts';

export interface Asked {
  report: Report | null;
  error: ApiError | null;
  /** True while what is shown does not yet answer what is asked. */
  stale: boolean;
  reload(): void;
}

/** Runs a report whenever the question changes, and when the page is to be refreshed. Null asks nothing. */
export function useReport(question: { template: string; params: Record<string, unknown> } | null): Asked {
  const { api, refresh } = useContext(ServicesContext);
  const tick = useStore(refresh);
  const reader = useReader();
  const [again, setAgain] = useState(0);
  const [found, setFound] = useState<{ body: string; report: Report | null; error: ApiError | null }>({
    body: '',
    report: null,
    error: null,
  });
  useNewReader(() => setFound({ body: '', report: null, error: null }));
  const body = question === null ? '' : JSON.stringify(question);
  useEffect(() => {
    if (body === '') return;
    const controller = new AbortController();
    const { signal } = controller;
    api.send<Report>('/report', JSON.parse(body), { harmless: true, signal }).then(
      (report) => !signal.aborted && setFound({ body, report, error: null }),
      (cause: unknown) => {
        const error = cause instanceof ApiError ? cause : new ApiError(String(cause), -1, 'unreadable');
        if (!signal.aborted) setFound({ body, report: null, error });
      },
    );
    return () => controller.abort();
  }, [body, tick, again, reader]);
  return {
    report: found.report,
    error: found.body === body ? found.error : null,
    stale: found.body !== body,
    reload: () => setAgain((n) => n + 1),
  };
}
