/** One request's lines, as records: one for each partition they belong to, so that an actor's events stay in order. */
import type { Scan } from '../event/kernel.ts';
import type { Header, NewRecord } from '../log/log.ts';

export interface RecordOutline {
  /** Epoch ms. */
  readonly receivedAt: number;
  readonly app: string;
  readonly userAgent: string;
  /** ISO 3166-1 alpha-2, or ''. */
  readonly country: string;
  /** The path it came in on. */
  readonly source: string;
  /** W3C, of the span that appends; null when there is none. */
  readonly traceparent: string | null;
}

/** Copies the lines out of the kernel's memory, which the next scan overwrites. */
export function createRecords(scan: Scan, partitions: number, outline: RecordOutline): NewRecord[] {
  const { lines, lineEnd, keyHash, accepted } = scan;
  const first = partitions === 1 ? 0 : keyHash[0]! % partitions;
  let mixed = false;
  for (let i = 1; i < accepted && !mixed && partitions > 1; i++) mixed = keyHash[i]! % partitions !== first;
  if (!mixed) {
    return [
      createRecord(
        { partition: first, value: Buffer.from(lines), count: accepted },
        partitions,
        scan,
        outline,
      ),
    ];
  }
  return splitLines(lines, lineEnd, keyHash, accepted, partitions).map((share) =>
    createRecord(share, partitions, scan, outline),
  );
}

interface Share {
  readonly partition: number;
  readonly value: Uint8Array;
  readonly count: number;
}

function splitLines(
  lines: Uint8Array,
  lineEnd: Uint32Array,
  keyHash: Uint32Array,
  accepted: number,
  partitions: number,
): Share[] {
  const bytes = new Uint32Array(partitions);
  const counts = new Uint32Array(partitions);
  let start = 0;
  for (let i = 0; i < accepted; i++) {
    const partition = keyHash[i]! % partitions;
    bytes[partition]! += lineEnd[i]! - start;
    counts[partition]! += 1;
    start = lineEnd[i]!;
  }
  // One allocation for all shares: memory of its own for each would cost more than the copying.
  const all = Buffer.allocUnsafeSlow(lines.byteLength);
  const starts = new Uint32Array(partitions + 1);
  for (let partition = 0; partition < partitions; partition++) {
    starts[partition + 1] = starts[partition]! + bytes[partition]!;
  }
  const fill = starts.slice();
  // `copy` with bounds is a third faster than `set` of a view, which has to be made first.
  const source = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength);
  let from = 0;
  for (let i = 0; i < accepted; ) {
    const partition = keyHash[i]! % partitions;
    // Neighbours of one partition (a device sends its own events together) are one copy.
    let next = i + 1;
    while (next < accepted && keyHash[next]! % partitions === partition) next += 1;
    const to = lineEnd[next - 1]!;
    source.copy(all, fill[partition]!, from, to);
    fill[partition]! += to - from;
    from = to;
    i = next;
  }
  const shares: Share[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const count = counts[partition]!;
    if (count === 0) continue;
    shares.push({ partition, value: all.subarray(starts[partition]!, starts[partition + 1]!), count });
  }
  return shares;
}

/** A record that holds no event, only how many of an app were left out: so they are in the ledger with all others. */
export function createFilteredRecord(
  count: number,
  partition: number,
  partitions: number,
  outline: RecordOutline,
): NewRecord {
  const nobody = { ...outline, userAgent: '', country: '' };
  const record = createRecord(
    { partition, value: new Uint8Array(), count: 0 },
    partitions,
    { sentAt: null },
    nobody,
  );
  return { ...record, headers: [...record.headers, ['filtered', String(count)]] };
}

/** One record of one share; `partitions`: of the topic. `sentAt` in epoch ms. */
export function createRecord(
  { partition, value, count }: Share,
  partitions: number,
  { sentAt }: { readonly sentAt: number | null },
  outline: RecordOutline,
): NewRecord {
  const headers: Header[] = [
    ['received_at', String(outline.receivedAt)],
    ['app', outline.app],
    ['count', String(count)],
    ['source', outline.source],
  ];
  // By how many it was chosen: the pipeline has to know when that changes.
  if (partitions > 1) headers.push(['partitions', String(partitions)]);
  if (sentAt !== null) headers.push(['sent_at', String(Math.round(sentAt))]);
  if (outline.userAgent !== '') headers.push(['ua', outline.userAgent]);
  if (outline.traceparent !== null) headers.push(['traceparent', outline.traceparent]);
  if (outline.country !== '') headers.push(['country', outline.country]);
  return { partition, key: null, headers, value, timestamp: outline.receivedAt };
}
