/** How the rows of a block lie in memory, for both kernels and for the WebAssembly's generated constants. */
import { stringColumnNames, textColumnNames } from '../kernel.ts';

export type RowType = 'u8' | 'u32' | 'f64';

interface RowArray {
  readonly name: string;
  readonly type: RowType;
  readonly perRow: number;
}

/** Every typed array of a block, in their order in the kernel's memory. */
export const rowArrays = [
  { name: 'timestamp', type: 'f64', perRow: 1 },
  { name: 'watchMs', type: 'f64', perRow: 1 },
  { name: 'durationMs', type: 'f64', perRow: 1 },
  { name: 'bitrate', type: 'f64', perRow: 1 },
  { name: 'idWords', type: 'u32', perRow: 4 },
  { name: 'payloadWords', type: 'u32', perRow: 2 },
  { name: 'actorWords', type: 'u32', perRow: 2 },
  { name: 'viewWords', type: 'u32', perRow: 2 },
  { name: 'streamWords', type: 'u32', perRow: 2 },
  { name: 'appHash', type: 'u32', perRow: 1 },
  { name: 'index', type: 'u32', perRow: 1 },
  { name: 'flags', type: 'u32', perRow: 1 },
  /** Where the row's cell begins in each String column, in the order of stringColumnNames. */
  { name: 'cellStart', type: 'u32', perRow: stringColumnNames.length },
  /** The row's text ids, column after column: they are kept apart so that each is one array. */
  ...textColumnNames.map((name) => ({ name: `text:${name}`, type: 'u32', perRow: 1 }) as const),
  { name: 'kind', type: 'u8', perRow: 1 },
] as const satisfies readonly RowArray[];

export type RowArrayName = (typeof rowArrays)[number]['name'];

export const rowTypeBytes = { u8: 1, u32: 4, f64: 8 } as const;

/** Bytes of the typed arrays per row; `bytes` of a block counts them beside the String columns. */
export const rowBytes = rowArrays.reduce((sum, array) => sum + rowTypeBytes[array.type] * array.perRow, 0);

interface Views {
  readonly u8: Uint8Array;
  readonly u32: Uint32Array;
  readonly f64: Float64Array;
}

/** The view of one row array at a place in memory. */
export function viewRows<T extends RowType>(
  type: T,
  buffer: ArrayBuffer,
  at: number,
  length: number,
): Views[T] {
  if (type === 'f64') return new Float64Array(buffer, at, length) as Views[T];
  if (type === 'u32') return new Uint32Array(buffer, at, length) as Views[T];
  return new Uint8Array(buffer, at, length) as Views[T];
}
