import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { Static } from 'typebox';
import type { AlertDefinition } from '../catalog/alerts.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Io } from '../cli.ts';
import { readConfig } from '../config.ts';
import { HttpProblem } from '../http/problem.ts';
import { readAlert } from '../query/alerts/definition.ts';
import { type Item, shapeBuiltIn, shapeRule } from '../query/alerts/item.ts';
import { type AlertOptions, checkIsNotBuiltIn, RULES_MAX } from '../query/alerts.ts';
import { checkName } from '../query/definition.ts';
import { alertOptions } from '../roles/alerts.ts';
import { noteCommand, WordsError, withCatalog } from './catalogue.ts';

const HELP = `Usage: sluice alert <list|show|set|delete> [options]

  list      the alerts, the built-in ones first, with their states
  show      one of them, as JSON: sluice alert show <name>
  set       define rules by a file, each as a whole: sluice alert set alerts.json
  delete    sluice alert delete <name>

A file holds one rule, or an array of them; what 'show' printed of a rule may stand there as it is:
  {"name": "few plays", "app_id": null, "metric": "plays", "window_seconds": 300, "comparison": "<", "threshold": 10,
   "for_seconds": 60, "webhook_url": "https://example.com/hook"}

  --json    list and set: as JSON
  --help    this text

Works on the catalogue itself (ANALYTICS_DATA_DIR, or ANALYTICS_PG_URL), whether the service runs or not; a rule is looked
at within seconds of its change. Webhooks are checked with the settings of this shell.

Exit code: 0 done, 1 failed, 2 wrong words.
`;

type Alert = Static<typeof Item>;

interface Given {
  readonly name: string;
  readonly definition: AlertDefinition;
}

export async function runAlert(argv: string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: { json: { type: 'boolean' }, help: { type: 'boolean' } },
  });
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  const [what, word, ...rest] = positionals;
  if (rest.length > 0)
    throw new WordsError(`'${rest.join(' ')}' is too much. Put a name with blanks in quotes.`);
  const limits = alertOptions(readConfig(process.env));
  if (what === 'list' && word === undefined) {
    print(await withCatalog((catalog) => readAll(catalog, limits)), values.json ?? false, io);
    return 0;
  }
  if (what === 'show' && word !== undefined) return await show(word, limits, io);
  if (what === 'set' && word !== undefined) return await set(word, limits, values.json ?? false, io);
  if (what === 'delete' && word !== undefined) return await remove(word, limits, io);
  throw new WordsError("'alert' takes 'list', 'show <name>', 'set <file>' or 'delete <name>'.");
}

/** As `GET /v1/alerts` has them for whoever may change them. */
async function readAll({ alerts, alertWatch }: Catalog, { builtIns }: AlertOptions): Promise<Alert[]> {
  const states = new Map((await alertWatch.states()).map((state) => [state.name, state]));
  return [
    ...builtIns.map((alert) => shapeBuiltIn(alert, states.get(alert.name))),
    ...(await alerts.list()).map((rule) => shapeRule(rule, states.get(rule.name), true)),
  ];
}

async function show(name: string, limits: AlertOptions, io: Io): Promise<number> {
  const all = await withCatalog((catalog) => readAll(catalog, limits));
  const alert = all.find((one) => one.name === name);
  if (alert === undefined) return fail(`there is no alert '${name}'.`, io);
  io.stdout.write(`${JSON.stringify(alert, null, 2)}\n`);
  return 0;
}

/** All of the file or nothing of it. */
async function set(file: string, limits: AlertOptions, json: boolean, io: Io): Promise<number> {
  let given: Given[];
  try {
    given = readRules(JSON.parse(await readFile(file, 'utf8')), limits);
  } catch (error) {
    return fail(`${file}: ${(error as Error).message}`, io);
  }
  const names = new Set(given.map(({ name }) => name));
  return await withCatalog(async (catalog) => {
    const others = (await catalog.alerts.list()).filter(({ name }) => !names.has(name));
    if (others.length + names.size > RULES_MAX)
      return fail(`${file}: there would be more than ${RULES_MAX} rules. Delete some first.`, io);
    for (const { name, definition } of given) {
      await catalog.alerts.put(name, definition);
      await noteCommand(catalog, 'alert set', name);
    }
    const all = await readAll(catalog, limits);
    print(
      all.filter(({ name }) => names.has(name)),
      json,
      io,
    );
    return 0;
  });
}

function readRules(value: unknown, limits: AlertOptions): Given[] {
  const all: unknown[] = Array.isArray(value) ? value : [value];
  const names = new Set<string>();
  return all.map((rule, n) => {
    try {
      const { name } = (rule ?? {}) as { name?: unknown };
      if (typeof name !== 'string' || name === '') throw new TypeError('name: 1 to 100 characters.');
      if (names.has(name)) throw new TypeError(`name: ${JSON.stringify(name)} is there twice.`);
      names.add(name);
      checkIsNotBuiltIn(limits, checkName(name));
      return { name, definition: readAlert(name, rule, limits) };
    } catch (error) {
      throw new TypeError(`alert ${n + 1}: ${(error as Error).message}`, { cause: error });
    }
  });
}

async function remove(name: string, limits: AlertOptions, io: Io): Promise<number> {
  try {
    checkIsNotBuiltIn(limits, name);
  } catch (error) {
    if (error instanceof HttpProblem) return fail(error.message, io);
    throw error;
  }
  const deleted = await withCatalog(async (catalog) => {
    const done = await catalog.alerts.delete(name);
    if (done) await noteCommand(catalog, 'alert delete', name);
    return done;
  });
  if (!deleted) return fail(`there is no alert '${name}'.`, io);
  io.stdout.write(`${name}: deleted.\n`);
  return 0;
}

function fail(why: string, io: Io): number {
  io.stderr.write(`sluice: ${why}\n`);
  return 1;
}

function print(alerts: readonly Alert[], json: boolean, io: Io): void {
  if (json) io.stdout.write(`${JSON.stringify(alerts, null, 2)}\n`);
  else for (const alert of alerts) io.stdout.write(`${describe(alert)}\n`);
}

function describe(alert: Alert): string {
  const { name, kind, app_id, metric, comparison, threshold, window_seconds, for_seconds } = alert;
  const lasting = for_seconds === 0 ? '' : ` for ${for_seconds} s`;
  const whose = app_id === null ? '' : ` of ${app_id}`;
  const condition = `${metric}${whose} in ${window_seconds} s ${comparison} ${threshold}${lasting}`;
  const found = alert.enabled ? alert.state : 'disabled';
  return `${name}  ${found}  ${condition}${kind === 'built_in' ? '  (built in)' : ''}`;
}
