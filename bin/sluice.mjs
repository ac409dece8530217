#!/usr/bin/env node
// The program. It runs on the Node that came with the package (types are read as they are written, and the log, the
// catalogue and zstd want it), so an older Node hands over to that one and only passes signals on.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NEEDED = 26;
// Bodies and records are short-lived memory outside the heap. V8 would collect all of it after each 64 MB of them; so it
// waits until they and the heap together are large. `npm start` says the same.
const HEAP = ['--initial-heap-size=512', '--external-memory-accounted-in-global-limit'];
const root = join(dirname(fileURLToPath(import.meta.url)), '..');

if (Number(process.versions.node.split('.')[0]) >= NEEDED) {
  // What was compiled once is not compiled at every start.
  nodeModule.enableCompileCache();
  const { main } = await import('../src/cli.ts');
  process.exitCode = await main(process.argv.slice(2));
} else {
  const own = join(root, 'node_modules', '.bin', 'node');
  if (!existsSync(own)) {
    console.error(
      `sluice needs Node ${NEEDED}; this is ${process.version}, and no newer one came with the package.`,
    );
    console.error('Run `npm ci` in its folder (without --omit=optional), or install Node 26.');
    process.exit(1);
  }
  const words = [...HEAP, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  const child = spawn(own, words, { stdio: 'inherit' });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGKILL' ? 137 : 1)));
}
