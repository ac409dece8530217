import { CatalogUnavailable } from '../catalog/catalog-unavailable.ts';
import { HttpProblem } from '../http/problem.ts';
import { StoreError, TIMEOUT_EXCEEDED } from '../store/store-error.ts';

const MEMORY_LIMIT_EXCEEDED = 241;
const RETRY_AFTER_MS = 2_000;

/** What a caller is told when a database did not answer. Other errors go through as they are. */
export function asProblem(error: unknown): unknown {
  if (error instanceof CatalogUnavailable) {
    return new HttpProblem(
      'catalog_unavailable',
      'The catalogue does not answer now; events are still taken.',
      {
        cause: error,
        retryAfterMs: RETRY_AFTER_MS,
      },
    );
  }
  if (!(error instanceof StoreError)) return error;
  if (error.code === TIMEOUT_EXCEEDED) {
    return new HttpProblem(
      'query_timeout',
      'The question took too long. Shorten the range, or ask for fewer groups.',
      {
        cause: error,
      },
    );
  }
  if (error.code === MEMORY_LIMIT_EXCEEDED) {
    return new HttpProblem(
      'result_too_large',
      'The question needs too much memory. Shorten the range, or ask for fewer groups.',
      {
        cause: error,
      },
    );
  }
  if (error.code === null || error.kind === 'unavailable') {
    const who = error.place === null ? 'The database' : `${error.place} of the database`;
    return new HttpProblem('store_unavailable', `${who} does not answer now; events are still taken.`, {
      cause: error,
      retryAfterMs: RETRY_AFTER_MS,
    });
  }
  return error;
}

/** Runs a question so that its failures are problems. */
export async function ask<T>(question: Promise<T>): Promise<T> {
  try {
    return await question;
  } catch (error) {
    throw asProblem(error);
  }
}
