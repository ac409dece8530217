import { useContext, useEffect, useState } from 'preact/hooks';
import { ApiError } from '../../data/api.ts';
import type { PlanCheck } from '../../data/types-plans.ts';
import { useReader } from '../../state/reader.ts';
import { ServicesContext } from '../../state/services.ts';
import { planPath } from './draft.ts';

const TYPING_MS = 300;
/** A schema can be tried before its event has a name. */
const NO_NAME = 'event';

export interface Checked {
  answer: PlanCheck | null;
  error: ApiError | null;
  /** True while what is shown does not yet answer what was typed. */
  stale: boolean;
}

/**
 * What the service says of a schema and properties, asked afresh whenever typing rests for a moment. Without properties it
 * says whether the schema is one. Null asks nothing.
 */
export function useCheck(event: string, schema: object | null, properties: object | null): Checked {
  const { api } = useContext(ServicesContext);
  const reader = useReader();
  const body = schema === null ? '' : JSON.stringify({ schema, properties: properties ?? {} });
  const [found, setFound] = useState<{ body: string; answer: PlanCheck | null; error: ApiError | null }>({
    body: '',
    answer: null,
    error: null,
  });
  useEffect(() => {
    if (body === '') return;
    const controller = new AbortController();
    const { signal } = controller;
    const keep = (answer: PlanCheck | null, error: ApiError | null): void => {
      if (!signal.aborted) setFound({ body, answer, error });
    };
    const timer = setTimeout(() => {
      const path = planPath(event || NO_NAME, '', '/check');
      api.send<PlanCheck>(path, JSON.parse(body), { harmless: true, signal }).then(
        (answer) => keep(answer, null),
        (cause: unknown) =>
          keep(null, cause instanceof ApiError ? cause : new ApiError(String(cause), -1, 'unreadable')),
      );
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [body, event, reader]);
  const isCurrent = found.body === body;
  return { answer: found.answer, error: isCurrent ? found.error : null, stale: !isCurrent };
}
