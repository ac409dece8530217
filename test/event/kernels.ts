/** Both kernels, and short ways to ask them, for tests of rules that hold for either. */
import type { RefusalCode } from '../../src/event/event.ts';
import { openReferenceKernel } from '../../src/event/kernel/reference.ts';
import { openKernel } from '../../src/event/kernel/wasm.ts';
import type { BlockBuilder, EventVerdict, Kernel, Scan, ScanOptions } from '../../src/event/kernel.ts';
import { scanOptions } from './kernel-contents.ts';
import { testNow } from './random-events.ts';

export const kernels: readonly Kernel[] = [openReferenceKernel(), await openKernel()];

export function scanText(kernel: Kernel, body: string, options: Partial<ScanOptions> = {}): Scan {
  return kernel.scanner.scan(Buffer.from(body), scanOptions(options));
}

/** The lines of a scan, parsed. */
export function scannedEvents(scan: Scan): Record<string, unknown>[] {
  const text = Buffer.from(scan.lines).toString();
  return text === ''
    ? []
    : text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** `index:code` of each verdict. */
export function verdictCodes(verdicts: readonly EventVerdict[]): `${number}:${RefusalCode}`[] {
  return verdicts.map((verdict) => `${verdict.index}:${verdict.code}` as const);
}

/** A block of one record. */
export function blockOf(
  kernel: Kernel,
  value: string,
  sentAt: number | null = null,
): { block: BlockBuilder; bad: string[]; events: number } {
  const block = kernel.createBlockBuilder();
  const record = {
    value: Buffer.from(value),
    receivedAt: testNow,
    sentAt,
    app: 'shop',
    partition: 3,
    offset: 7,
  };
  const { bad, events } = block.add(record, null);
  return { block, bad: verdictCodes(bad), events };
}
