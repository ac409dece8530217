/** Compiles the WebAssembly kernel: src/event/kernel/assembly and its generated schema into build/kernel.wasm. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import { kernelSchema } from './kernel-schema.ts';

const assembly = new URL('../src/event/kernel/assembly/', import.meta.url);
export const kernelFile = new URL('../build/kernel.wasm', import.meta.url);

const options = [
  'index.ts',
  '--outFile',
  'kernel.wasm',
  '--runtime',
  'stub',
  '--enable',
  'simd',
  '--noAssert',
];
const optimise = ['--optimizeLevel', '3', '--shrinkLevel', '0', '--converge'];

async function readSource(name: string): Promise<string | null> {
  if (name === 'schema.ts') return kernelSchema();
  try {
    return await readFile(new URL(name, assembly), 'utf8');
  } catch {
    // The compiler tries several places for each import; not being there is an answer.
    return null;
  }
}

/** Writes build/kernel.wasm. Throws with the compiler's messages when the source does not compile. */
export async function buildKernel(): Promise<void> {
  const written = new Map<string, string | Uint8Array>();
  const { error, stderr } = await asc.main([...options, ...optimise], {
    readFile: readSource,
    writeFile: (name, contents) => {
      written.set(name, contents);
    },
    listFiles: () => [],
  });
  const module = written.get('kernel.wasm');
  if (error !== null || module === undefined) {
    throw new Error(`The kernel does not compile.\n${stderr.toString()}`, { cause: error ?? undefined });
  }
  await mkdir(dirname(fileURLToPath(kernelFile)), { recursive: true });
  await writeFile(kernelFile, module);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildKernel();
