export type EmbeddedErrorCode =
  /** The engine exists for other platforms only. */
  | 'unsupported'
  | 'missing_package'
  /** Another process holds the data folder. */
  | 'locked'
  /** The engine ended, or did not become ready in time; the message carries the end of its log. */
  | 'start_failed'
  | 'closed';

/** Why the embedded ClickHouse does not run, as a sentence for the operator. */
export class EmbeddedError extends Error {
  override readonly name = 'EmbeddedError';
  readonly code: EmbeddedErrorCode;

  constructor(code: EmbeddedErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
