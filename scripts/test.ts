/**
 * Runs the tests. `npm test`: everything but the fault tests. `npm run test:faults`: those. Further words are passed to
 * node's test runner, or name files to run instead of all.
 */
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';

const words = process.argv.slice(2);
const faults = words[0] === 'faults';
const rest = faults ? words.slice(1) : words;
const named = rest.filter((word) => word.endsWith('.ts'));
const flags = rest.filter((word) => !word.endsWith('.ts'));
const files =
  named.length > 0
    ? named
    : globSync(faults ? 'test/faults/**/*.test.ts' : 'test/**/*.test.ts', {
        exclude: (name) => !faults && String(name).includes('faults'),
      }).sort();

// Fault tests kill processes and wait for disks: side by side they would only disturb each other.
const concurrency = faults ? 1 : 2;
// A test that waits for ever is a failure, not a gate that never opens. The full form of the fault tests takes its time.
const timeoutMs = faults ? 3 * 3_600_000 : 600_000;
const limits = [`--test-concurrency=${concurrency}`, `--test-timeout=${timeoutMs}`];
const runner = spawn(process.execPath, ['--test', ...limits, ...flags, ...files], {
  stdio: 'inherit',
});
runner.on('exit', (code, signal) => {
  process.exitCode = signal ? 1 : (code ?? 1);
});
