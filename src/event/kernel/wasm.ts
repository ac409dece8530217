/** Opens the WebAssembly kernel. What it does and how it reads: reference.ts; how it is built: scripts/build-kernel.ts. */
import { readFile } from 'node:fs/promises';
import type { Kernel } from '../kernel.ts';
import { WasmBlockBuilder } from './wasm-builder.ts';
import { WasmScanner } from './wasm-scanner.ts';

const kernelFile = new URL('../../../build/kernel.wasm', import.meta.url);

async function readKernelFile(): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readFile(kernelFile);
  } catch (cause) {
    throw new Error('The kernel build/kernel.wasm is missing. `npm run build` makes it.', { cause });
  }
}

/** Loads and compiles build/kernel.wasm. Each builder has a memory of its own, the scanner has one. */
export async function openKernel(): Promise<Kernel> {
  const module = await WebAssembly.compile(await readKernelFile());
  return {
    kind: 'wasm',
    scanner: new WasmScanner(module),
    createBlockBuilder: (options) => new WasmBlockBuilder(module, options),
  };
}
