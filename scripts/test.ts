/**
 * Runs the tests. `npm test`: all that need nothing but npm. `npm run test:faults`: those that kill and starve.
 * `npm run test:kafka`: those with real brokers (*.kafka.test.ts). Further words are passed to node's test runner, or
 * name files to run instead of all.
 */
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { missingForKafka } from '../test/support/kafka-needs.ts';

const words = process.argv.slice(2);
const kind = words[0] === 'faults' || words[0] === 'kafka' ? words[0] : 'plain';
const rest = kind === 'plain' ? words : words.slice(1);
const named = rest.filter((word) => word.endsWith('.ts'));
const flags = rest.filter((word) => !word.endsWith('.ts'));
const kindOf = (file: string): typeof kind => {
  if (file.endsWith('.kafka.test.ts')) return 'kafka';
  return file.startsWith('test/faults/') ? 'faults' : 'plain';
};
const files =
  named.length > 0
    ? named
    : globSync('test/**/*.test.ts')
        .filter((file) => kindOf(file) === kind)
        .sort();

// Fault tests kill processes and wait for disks, brokers take a core each: side by side they would only disturb each other.
const concurrency = kind === 'plain' ? 3 : 1;
// A test that waits for ever is a failure, not a gate that never opens. The full form of the fault tests takes its time.
const timeoutMs = kind === 'plain' ? 600_000 : 3 * 3_600_000;
const limits = [`--test-concurrency=${concurrency}`, `--test-timeout=${timeoutMs}`];
// Hundreds of processes load the same modules: one compiles them for all.
const env = { ...process.env, NODE_COMPILE_CACHE: join(import.meta.dirname, '..', '.cache', 'compiled') };
const runner = spawn(process.execPath, ['--test', ...limits, ...flags, ...files], { stdio: 'inherit', env });
runner.on('exit', (code, signal) => {
  process.exitCode = signal ? 1 : (code ?? 1);
  const missing = missingForKafka();
  if (kind === 'kafka' && missing) {
    const line = '='.repeat(100);
    process.stderr.write(`\n${line}\nSKIPPED: every test with Kafka. ${missing}\n${line}\n`);
  }
});
