/** The style of the house, as tests: who may import whom, how long things get, what is never written. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, readTree, type SourceFile } from './tree.ts';

const logic = readTree(['src/**/*.ts', 'dashboard/src/**/*.{ts,tsx}', 'bench/**/*.ts', 'scripts/**/*.ts']);
const tests = readTree(['test/**/*.ts']);
const everything = [...logic, ...tests];

const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;

/** Folder of src -> folders that it may import. The rest of src/*.ts, src/commands and src/roles put things together. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  event: [],
  log: [],
  telemetry: [],
  settings: [],
  http: ['telemetry'],
  access: ['http'],
  cache: [],
  store: ['event', 'telemetry'],
  catalog: ['telemetry'],
  letters: ['event'],
  plans: [],
  ingest: ['event', 'letters', 'log', 'http', 'access', 'telemetry'],
  pipeline: ['event', 'plans', 'log', 'store', 'telemetry'],
  query: ['event', 'plans', 'letters', 'store', 'catalog', 'cache', 'http', 'access', 'telemetry'],
  webhook: [],
  alerts: ['store', 'catalog', 'webhook', 'telemetry'],
  derived: ['event', 'log', 'store', 'webhook', 'telemetry'],
  live: ['event', 'store', 'http', 'access', 'telemetry'],
  demo: [],
};

const folderOf = (path: string): string | null => /^src\/([^/]+)\//.exec(path)?.[1] ?? null;

test('each folder imports only what it may', () => {
  const wrong: string[] = [];
  for (const file of logic) {
    const folder = folderOf(file.path);
    const allowed = folder === null ? undefined : MAY_IMPORT[folder];
    if (folder === null || allowed === undefined) continue;
    for (const { path } of file.imports) {
      const target = folderOf(path);
      if (target !== folder && !(target !== null && allowed.includes(target)))
        wrong.push(`${file.path} -> ${path}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('every folder of src has its line in the table', () => {
  const folders = new Set(logic.map((file) => folderOf(file.path)).filter((folder) => folder !== null));
  folders.delete('commands');
  folders.delete('roles');
  assert.deepEqual(
    [...folders].filter((folder) => !(folder in MAY_IMPORT)),
    [],
  );
});

test('no import cycles', () => {
  const files = new Map(everything.map((file) => [file.path, file]));
  const state = new Map<string, 'open' | 'done'>();
  const cycles: string[] = [];
  const visit = (file: SourceFile, trail: string[]): void => {
    if (state.get(file.path) === 'done') return;
    if (state.get(file.path) === 'open') {
      cycles.push([...trail.slice(trail.indexOf(file.path)), file.path].join(' -> '));
      return;
    }
    state.set(file.path, 'open');
    for (const { path, typeOnly } of file.imports) {
      const next = files.get(path);
      if (next && !typeOnly) visit(next, [...trail, file.path]);
    }
    state.set(file.path, 'done');
  };
  for (const file of everything) visit(file, []);
  assert.deepEqual(cycles, []);
});

test('no barrels, no utils', () => {
  assert.deepEqual(
    logic.filter((file) => file.barrel).map((file) => file.path),
    [],
  );
  const vague = everything.filter((file) => /(^|\/)(utils?|helpers?|misc|common)(\/|\.ts$)/.test(file.path));
  assert.deepEqual(
    vague.map((file) => file.path),
    [],
  );
});

test(`files of logic stay under ${FILE_LINES_MAX} lines, functions under ${FUNCTION_LINES_MAX}`, () => {
  const long = logic
    .filter((file) => file.lines > FILE_LINES_MAX)
    .map((file) => `${file.path}: ${file.lines}`);
  assert.deepEqual(long, []);
  const tall = logic.flatMap((file) =>
    file.functions
      .filter((f) => f.lines > FUNCTION_LINES_MAX)
      .map((f) => `${file.path} ${f.name}: ${f.lines}`),
  );
  assert.deepEqual(tall, []);
});

test('only the configuration reads the environment', () => {
  const readers = logic.filter((file) => file.path.startsWith('src/') && /process\.env\b/.test(file.text));
  // The commands hand the environment to readConfig.
  const wrong = readers.filter((file) => !/^src\/(cli|config)\.ts$|^src\/commands\//.test(file.path));
  assert.deepEqual(
    wrong.map((file) => file.path),
    [],
  );
});

/** Without its ending. */
function sourceOf(testPath: string): string {
  const bare = testPath.replace(/^test\//, '').replace(/(\.[\w-]+)?\.test\.ts$/, '');
  if (bare.startsWith('dashboard/')) return bare.replace(/^dashboard/, 'dashboard/src');
  return bare.startsWith('scripts/') ? bare : `src/${bare}`;
}

test('the test of src/a/b.ts is test/a/b.test.ts, or b.aspect.test.ts', () => {
  const lost = tests
    .map((file) => file.path)
    .filter((path) => path.endsWith('.test.ts'))
    .filter((path) => !/^test\/(e2e|faults|contract|tidy|oracle|docs|bench|support)\//.test(path))
    .filter((path) => {
      const source = sourceOf(path);
      return !existsSync(join(ROOT, `${source}.ts`)) && !existsSync(join(ROOT, source));
    });
  assert.deepEqual(lost, []);
});

test('no test waits for a time to pass instead of a state', () => {
  const pattern = /await (setTimeout|delay|sleep)\(\s*\d{3}/;
  const wrong = tests.filter((file) => !file.path.startsWith('test/tidy/') && pattern.test(file.text));
  assert.deepEqual(
    wrong.map((file) => file.path),
    [],
  );
});

test('nothing of one machine is written down', () => {
  const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' })
    .split('\0')
    .filter(Boolean);
  const lock = readFileSync(join(ROOT, 'package-lock.json'), 'utf8');
  assert.ok(!lock.includes('"resolved": "http'), 'package-lock.json names no registry');
  const home = /(^|[^\w])\/(root|home\/\w+|work)\//;
  const wrong = tracked.filter((path) => {
    if (
      !existsSync(join(ROOT, path)) ||
      /\.(png|wasm|ico|woff2?)$/.test(path) ||
      path.startsWith('test/tidy/')
    )
      return false;
    return home.test(readFileSync(join(ROOT, path), 'utf8'));
  });
  assert.deepEqual(wrong, []);
});
