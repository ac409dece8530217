/** All that a scan or a block holds, as plain values that assert.deepEqual can compare. */
import {
  type AddResult,
  type BlockBuilder,
  type EventVerdict,
  type Scan,
  type ScanOptions,
  stringColumnNames,
  textColumnNames,
} from '../../src/event/kernel.ts';
import { testNow } from './random-events.ts';

/** Options whose ids are 1, 2, 3 …, so that two scans give out the same. */
export function scanOptions(more: Partial<ScanOptions> = {}): ScanOptions {
  let given = 0;
  return {
    receivedAt: testNow,
    mode: 'auto',
    defaultName: null,
    maxEvents: 1000,
    oldestAllowed: testNow - 30 * 86_400_000,
    newestAllowed: testNow + 86_400_000,
    sentAt: null,
    nextIds(n) {
      const ids = new DataView(new ArrayBuffer(16 * n));
      for (let i = 0; i < n; i++) ids.setUint32(i * 16 + 12, ++given);
      return new Uint8Array(ids.buffer);
    },
    ...more,
  };
}

function verdictContents(verdicts: readonly EventVerdict[]): unknown[] {
  return verdicts.map((verdict) => ({ ...verdict, raw: Buffer.from(verdict.raw).toString('latin1') }));
}

export function scanContents(scan: Scan): unknown {
  return {
    ...scan,
    verdicts: verdictContents(scan.verdicts),
    lines: Buffer.from(scan.lines).toString('latin1'),
    lineEnd: [...scan.lineEnd],
    keyHash: [...scan.keyHash],
  };
}

export function addContents(result: AddResult): unknown {
  return { ...result, bad: verdictContents(result.bad) };
}

const perRow = {
  idWords: 4,
  payloadWords: 2,
  appHash: 1,
  timestamp: 1,
  index: 1,
  kind: 1,
  flags: 1,
  actorWords: 2,
  viewWords: 2,
  streamWords: 2,
  watchMs: 1,
  durationMs: 1,
  bitrate: 1,
} as const;

export function blockContents(block: BlockBuilder): unknown {
  const { rows, bytes } = block;
  const arrays = Object.entries(perRow).map(([name, width]) => [
    name,
    [...block[name as keyof typeof perRow].subarray(0, rows * width)],
  ]);
  const strings = stringColumnNames.map((name) => [
    name,
    Buffer.from(block.stringColumn(name)).toString('latin1'),
  ]);
  const textIds = textColumnNames.map((name) => [name, [...block.textColumns[name].subarray(0, rows)]]);
  const texts = Array.from({ length: block.text.size }, (_, id) => block.text.get(id));
  const json = Array.from({ length: rows }, (_, row) => block.eventJson(row));
  return { rows, bytes, arrays, strings, textIds, texts, json };
}
