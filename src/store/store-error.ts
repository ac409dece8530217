/**
 * What became of a request that ClickHouse did not answer with success. The difference decides what an insert's sender
 * may do next, so a doubtful case is always an unknown outcome.
 *
 * - `refused`: ClickHouse said no before it wrote anything. The same request may be sent again, changed or not.
 * - `unavailable`: the request never left. It may be sent again.
 * - `unknown_outcome`: it was sent, and no clear answer came. Its rows may be there, in part, or still to come.
 */
export type StoreErrorKind = 'refused' | 'unknown_outcome' | 'unavailable';

export class StoreError extends Error {
  override readonly name = 'StoreError';
  /** ClickHouse's error code (159 for a timeout that this side noticed); null when there is none. */
  readonly code: number | null;
  readonly kind: StoreErrorKind;
  /** Which of several servers it is about, as callers may know it; null when there is one, or nobody can tell. */
  readonly place: string | null;

  constructor(kind: StoreErrorKind, code: number | null, message: string, options: StoreErrorOptions = {}) {
    super(message, options);
    this.kind = kind;
    this.code = code;
    this.place = options.place ?? null;
  }
}

interface StoreErrorOptions extends ErrorOptions {
  readonly place?: string;
}

export const TIMEOUT_EXCEEDED = 159;

/**
 * Errors that can come after a part of the block was written: a block that spans partitions is written partition by
 * partition, and a replicated one is committed in a service that may lose the answer.
 */
const MAYBE_WRITTEN = new Set([
  TIMEOUT_EXCEEDED,
  49, // LOGICAL_ERROR
  74, // CANNOT_READ_FROM_FILE_DESCRIPTOR
  75, // CANNOT_WRITE_TO_FILE_DESCRIPTOR
  209, // SOCKET_TIMEOUT
  210, // NETWORK_ERROR
  225, // NO_ZOOKEEPER
  236, // ABORTED
  241, // MEMORY_LIMIT_EXCEEDED
  243, // NOT_ENOUGH_SPACE
  279, // ALL_CONNECTION_TRIES_FAILED
  319, // UNKNOWN_STATUS_OF_INSERT
  394, // QUERY_WAS_CANCELLED
  999, // KEEPER_EXCEPTION
  1000, // POCO_EXCEPTION
  1001, // STD_EXCEPTION
  1002, // UNKNOWN_EXCEPTION
]);

export function createAnswerError(code: number | null, message: string, status: number): StoreError {
  // Without a code it is not ClickHouse that speaks but something before it: a handler that knows no such user, a proxy.
  const before = code === null ? status >= 400 && status < 500 && status !== 408 : !MAYBE_WRITTEN.has(code);
  return new StoreError(before ? 'refused' : 'unknown_outcome', code, message);
}

const NEVER_CONNECTED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/** `sent` says whether the request may have reached the server; null when only the error can tell. */
export function createConnectionError(error: Error, sent: boolean | null): StoreError {
  const systemCode = (error as NodeJS.ErrnoException).code ?? '';
  const unavailable = sent === null ? NEVER_CONNECTED.has(systemCode) : !sent;
  const message = error.message === '' ? systemCode : error.message;
  return new StoreError(unavailable ? 'unavailable' : 'unknown_outcome', null, `ClickHouse: ${message}`, {
    cause: error,
  });
}

const BROKEN = new Set(['ECONNRESET', 'EPIPE']);

/** The connection ended before an answer; the request may have been heard or not. */
export function isBrokenConnection(error: unknown): boolean {
  if (!(error instanceof StoreError) || error.code !== null) return false;
  return BROKEN.has((error.cause as NodeJS.ErrnoException | undefined)?.code ?? '');
}

/** ClickHouse's answer to a failed request holds `Code: 60. DB::Exception: ` or `Poco::Exception. Code: 1000, `. */
export function readErrorCode(header: string | undefined, body: string): number | null {
  const code = Number(header ?? /Code: (\d+)[.,]/.exec(body)?.[1]);
  return Number.isInteger(code) && code > 0 ? code : null;
}
