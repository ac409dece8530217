/** Calls to the API of a running service. */

/** The service did not do it. The message is for the person at the terminal. */
export class CallError extends Error {
  override readonly name = 'CallError';
}

export interface ApiAnswer<T = Record<string, unknown>> {
  readonly data: readonly T[];
  readonly next_cursor: string | null;
}

/** Long enough for a thousand events to be durable. */
const TIMEOUT_MS = 60_000;

export type Caller = <T>(method: 'GET' | 'POST', path: string, body?: object) => Promise<ApiAnswer<T>>;

/** `key` '' sends none. */
export function createCaller(url: string, key: string, signal: AbortSignal): Caller {
  return async <T>(method: 'GET' | 'POST', path: string, body?: object) => {
    let answer: Response;
    let text: string;
    try {
      answer = await fetch(new URL(path, url), {
        method,
        headers: {
          ...(key !== '' && { authorization: `Bearer ${key}` }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      text = await answer.text();
    } catch (error) {
      const cause =
        error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      throw new CallError(
        `nothing answers at ${url} (${cause}). Is the service running? Give --url if it is elsewhere.`,
        { cause: error },
      );
    }
    if (answer.ok) return JSON.parse(text) as ApiAnswer<T>;
    throw new CallError(
      `${describeProblem(text) ?? `${url} answered ${answer.status}.`}${adviceOn(answer.status)}`,
    );
  };
}

function describeProblem(text: string): string | null {
  try {
    const { detail, code } = JSON.parse(text) as { detail?: unknown; code?: unknown };
    return typeof detail === 'string' ? `${detail} (${String(code)})` : null;
  } catch {
    return null;
  }
}

function adviceOn(status: number): string {
  return status === 401 || status === 403 ? ' Give --key, or set ANALYTICS_ADMIN_KEY.' : '';
}
