/**
 * Acknowledged records cannot be read back: the disk, or somebody, changed a file of the log. The log never drops
 * them by itself: the operator restores the file, or gives up the damaged records by renaming it to `.salvage`.
 */
export class LogDamagedError extends Error {
  readonly code = 'log_damaged';
  readonly file: string;
  /** Byte position of the first damaged record in the file. */
  readonly position: number;
  /** Offset of the first damaged record. */
  readonly offset: number;

  constructor(file: string, position: number, offset: number, nextOffset: number | null) {
    const last = nextOffset === null ? 'on' : `to ${nextOffset - 1}`;
    super(
      `The log file ${file} is damaged at byte ${position}: the records from offset ${offset} ${last} cannot be read. ` +
        'Stop the service and restore the file from a copy; or, to give up the damaged records and go on with the ' +
        `rest, rename it to ${file.replace(/\.log$/, '.salvage')} and start again.`,
    );
    this.name = 'LogDamagedError';
    this.file = file;
    this.position = position;
    this.offset = offset;
  }
}
