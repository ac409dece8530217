/** Reads the service's JSON, and sends it some. In: a path with its parameters. Out: the answer, or an ApiError that says what to do. */

import { createStore, type Store } from '../state/store.ts';

export type Param = string | number | null | undefined | readonly string[];

/** What is wrong with one of several things that were sent. */
export interface Fault {
  index: number;
  detail: string;
}

export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly requestId: string | null;
  /** The first of them, where the service names several. */
  readonly faults: readonly Fault[];

  constructor(
    message: string,
    status: number,
    code: string,
    requestId: string | null = null,
    faults: readonly Fault[] = [],
  ) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.faults = faults;
  }

  /** What the reader can do about it, in one sentence. */
  get advice(): string {
    if (this.status === 0) return 'Check that the service is running and that this machine can reach it.';
    if (this.status === 401) return 'This service asks for a key. Sign in with one of the scope “read”.';
    if (this.status === 403) return 'The key in use may not see this. Use one with the right scope and app.';
    if (this.status === 404)
      return 'The process that answers may not serve this role; ask one that runs “query”.';
    if (this.status === 429) return 'Too many questions at once. It is asked again by itself.';
    if (this.status === 400) return 'Remove a filter or shorten the range, then try again.';
    return 'Try again; if it stays, the Pipeline page says which part is unwell.';
  }
}

export interface SendOptions {
  harmless?: boolean;
  signal?: AbortSignal;
  /** Default: POST. */
  method?: 'POST' | 'PUT' | 'DELETE';
}

export interface Api {
  /** Path and query of a request, in one spelling, so that equal questions have equal keys. */
  read<T>(key: string, signal?: AbortSignal): Promise<T>;
  /** Sends JSON. What was read before may have changed by it, so it is forgotten, unless it is said to be `harmless`. */
  send<T>(path: string, body: unknown, options?: SendOptions): Promise<T>;
  /** Posts JSON and takes the answer as a file. */
  download(path: string, body: unknown, signal?: AbortSignal): Promise<Blob>;
  cached<T>(key: string): T | undefined;
  readonly credential: string | null;
  setCredential(value: string | null): void;
  /** Asks whether a credential may read, without using it for anything else. Throws what the service says against it. */
  tryCredential(value: string): Promise<void>;
  /** Why the reader has to sign in before anything can be shown; null where that is not so. */
  locked: Store<ApiError | null>;
  /** Counts up with each signing in: what was read before it may be another's, and is not shown any more. */
  reader: Store<number>;
  /** Whether anything that is not open to all was answered so far. */
  readonly hasRead: boolean;
}

/** Spells a request; empty parameters are left out. */
export function requestKey(path: string, params: Record<string, Param> = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === null || value === undefined || value === '') continue;
    if (typeof value === 'object') for (const item of value) search.append(name, item);
    else search.append(name, String(value));
  }
  const text = search.toString();
  return text === '' ? path : `${path}?${text}`;
}

const CREDENTIAL_KEY = 'sluice.credential';
/** A small question for whoever has the scope `read` or `admin`. */
const TRIAL_PATH = '/v1/apps';
const CACHE_ENTRIES_MAX = 200;
/** Answered whoever asks. */
const OPEN_PATH = /^\/(health|ready)\b/;

function isFault(value: unknown): value is Fault {
  const { index, detail } = (value ?? {}) as Partial<Fault>;
  return typeof index === 'number' && typeof detail === 'string';
}

async function readProblem(response: Response): Promise<ApiError> {
  let title = `The service answered ${response.status}`;
  let code = 'http_error';
  let requestId: string | null = null;
  let faults: Fault[] = [];
  try {
    const problem = (await response.json()) as Record<string, unknown>;
    const detail = problem.detail ?? problem.title;
    if (typeof detail === 'string') title = detail;
    if (typeof problem.code === 'string') code = problem.code;
    if (typeof problem.request_id === 'string') requestId = problem.request_id;
    if (Array.isArray(problem.results)) faults = (problem.results as unknown[]).filter(isFault);
  } catch {
    // A proxy in between may answer with HTML; the status alone has to do.
  }
  return new ApiError(title, response.status, code, requestId, faults);
}

/** @param storage where the credential is kept between visits; null keeps it for this page only. */
export function createApi(fetcher: typeof fetch, storage: Storage | null): Api {
  const cache = new Map<string, unknown>();
  let credential = storage?.getItem(CREDENTIAL_KEY) ?? null;

  let hasRead = false;
  const locked = createStore<ApiError | null>(null);
  const reader = createStore(0);

  async function ask(
    key: string,
    signal?: AbortSignal,
    body?: unknown,
    method = 'POST',
    trial: string | null = null,
  ): Promise<Response> {
    // A page that waits behind the sign-in goes on asking; the answer is known.
    const known = locked.get();
    if (trial === null && known?.status === 401) throw known;
    const as = trial ?? credential;
    const headers: Record<string, string> = { accept: 'application/json' };
    if (as !== null) headers.authorization = `Bearer ${as}`;
    if (body !== undefined) headers['content-type'] = 'application/json';
    const sent =
      body !== undefined ? { method, body: JSON.stringify(body) } : method === 'DELETE' ? { method } : {};
    let response: Response;
    try {
      response = await fetcher(key, { headers, ...sent, ...(signal === undefined ? {} : { signal }) });
    } catch (cause) {
      if (signal?.aborted) throw cause;
      throw new ApiError('The service did not answer.', 0, 'unreachable');
    }
    // An answer to a credential that was changed meanwhile says nothing about the present one.
    if (response.status === 401 && trial === null && as === credential) {
      const problem = await readProblem(response.clone());
      // Several may be refused at once, and the reader may have signed in by now.
      if (as === credential && locked.get()?.status !== 401) locked.set(problem);
    }
    if (response.ok && trial === null && !OPEN_PATH.test(key)) hasRead = true;
    return response;
  }

  return {
    async read<T>(key: string, signal?: AbortSignal): Promise<T> {
      const asker = reader.get();
      const response = await ask(key, signal);
      // /health answers 503 with a body worth reading, so JSON that is not a problem counts as an answer.
      const isJson = (response.headers.get('content-type') ?? '').startsWith('application/json');
      if (!response.ok && !(response.status === 503 && isJson)) throw await readProblem(response);
      if (!isJson) throw new ApiError('The answer was not JSON.', 404, 'not_json');
      const answer = (await response.json()) as T;
      if (asker !== reader.get()) return answer;
      cache.delete(key);
      cache.set(key, answer);
      if (cache.size > CACHE_ENTRIES_MAX) {
        for (const oldest of cache.keys()) {
          cache.delete(oldest);
          break;
        }
      }
      return answer;
    },
    async send<T>(
      path: string,
      body: unknown,
      { harmless = false, signal, method = 'POST' }: SendOptions = {},
    ) {
      const response = await ask(path, signal, body, method);
      if (!harmless) cache.clear();
      if (!response.ok) throw await readProblem(response);
      return (await response.json()) as T;
    },
    async download(path, body, signal) {
      const response = await ask(path, signal, body);
      if (!response.ok) throw await readProblem(response);
      return await response.blob();
    },
    cached: <T>(key: string) => cache.get(key) as T | undefined,
    get credential() {
      return credential;
    },
    setCredential(value) {
      credential = value;
      cache.clear();
      // Who rotates the key in use is no other reader.
      if (locked.get() !== null) reader.set(reader.get() + 1);
      // Who has signed out leaves no page behind that could be covered.
      if (value === null) hasRead = false;
      if (value === null) storage?.removeItem(CREDENTIAL_KEY);
      else storage?.setItem(CREDENTIAL_KEY, value);
      locked.set(null);
    },
    async tryCredential(value) {
      const response = await ask(TRIAL_PATH, undefined, undefined, 'GET', value);
      if (!response.ok) throw await readProblem(response);
    },
    locked,
    reader,
    get hasRead() {
      return hasRead;
    },
  };
}
