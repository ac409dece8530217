import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { CatalogPlan, PlanDefinition, PlanKey } from '../catalog/plans.ts';
import type { Io } from '../cli.ts';
import { compilePlan, PlanSchemaError } from '../plans/schema.ts';
import { isAppId } from './app.ts';
import { noteCommand, WordsError, withCatalog } from './catalogue.ts';

const HELP = `Usage: sluice plan <list|put|delete> [options]

  list      the tracking plans, by event name
  put       plan events from a file: sluice plan put plans.json
  delete    sluice plan delete <event_name> [--app <app_id>]

A file holds one plan, or an array of them:
  {"event_name": "purchase", "app_id": null, "mode": "warn", "schema": {"type": "object", "required": ["price"]},
   "description": "...", "owner": "..."}
mode: warn (stored, and counted) or quarantine (a dead letter). app_id left out or null: every app without its own plan.

  --app <app_id>   the app's own plan is meant
  --json           as JSON
  --help           this text

Works on the catalogue itself (ANALYTICS_DATA_DIR, or ANALYTICS_PG_URL), whether the service runs or not; a change is in
force five seconds later.
`;

type GivenPlan = PlanKey & PlanDefinition;

export async function runPlan(argv: string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: { app: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
  });
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  const [what, name, ...rest] = positionals;
  if (rest.length > 0) throw new WordsError(`'${rest.join(' ')}' is too much.`);
  if (what === 'list' && name === undefined) return await list(values.json ?? false, io);
  if (what === 'put' && name !== undefined) return await put(name, values.json ?? false, io);
  if (what === 'delete' && name !== undefined)
    return await remove({ event_name: name, app_id: values.app ?? null }, io);
  throw new WordsError("'plan' takes 'list', 'put <file>' or 'delete <event_name>'.");
}

async function list(json: boolean, io: Io): Promise<number> {
  const plans = await withCatalog((catalog) => catalog.plans.list());
  show(plans, json, io);
  return 0;
}

/** All of the file or nothing of it. */
async function put(file: string, json: boolean, io: Io): Promise<number> {
  let given: GivenPlan[];
  try {
    given = readPlans(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    io.stderr.write(`sluice: ${file}: ${(error as Error).message}\n`);
    return 1;
  }
  const plans = await withCatalog(async (catalog) => {
    const made: CatalogPlan[] = [];
    for (const { event_name, app_id, ...definition } of given) {
      made.push(await catalog.plans.put({ event_name, app_id }, definition));
      await noteCommand(catalog, 'plan put', nameOf({ event_name, app_id }));
    }
    return made;
  });
  show(plans, json, io);
  return 0;
}

async function remove(key: PlanKey, io: Io): Promise<number> {
  const deleted = await withCatalog(async (catalog) => {
    const done = await catalog.plans.delete(key);
    if (done) await noteCommand(catalog, 'plan delete', nameOf(key));
    return done;
  });
  if (deleted) io.stdout.write(`${nameOf(key)}: deleted.\n`);
  else io.stderr.write(`sluice: there is no plan for '${nameOf(key)}'.\n`);
  return deleted ? 0 : 1;
}

function readPlans(value: unknown): GivenPlan[] {
  const all: unknown[] = Array.isArray(value) ? value : [value];
  return all.map((plan, n) => {
    try {
      return readPlan(plan);
    } catch (error) {
      throw new PlanSchemaError(`plan ${n + 1}: ${(error as Error).message}`, { cause: error });
    }
  });
}

function readPlan(value: unknown): GivenPlan {
  const {
    event_name,
    app_id = null,
    mode,
    schema,
    description = null,
    owner = null,
  } = (value ?? {}) as Partial<Record<keyof GivenPlan, unknown>>;
  if (
    typeof event_name !== 'string' ||
    event_name === '' ||
    event_name.length > 200 ||
    event_name.includes('\0')
  )
    throw new PlanSchemaError('event_name: 1 to 200 characters.');
  if (app_id !== null && !(typeof app_id === 'string' && isAppId(app_id)))
    throw new PlanSchemaError('app_id: the id of an app, or null.');
  if (mode !== 'warn' && mode !== 'quarantine') throw new PlanSchemaError('mode: "warn" or "quarantine".');
  for (const [name, text] of Object.entries({ description, owner }))
    if (text !== null && typeof text !== 'string') throw new PlanSchemaError(`${name}: a text, or null.`);
  compilePlan(schema);
  return {
    event_name,
    app_id: app_id as string | null,
    mode,
    schema,
    description: description as string | null,
    owner: owner as string | null,
  };
}

function show(plans: readonly CatalogPlan[], json: boolean, io: Io): void {
  if (json) io.stdout.write(`${JSON.stringify(plans, null, 2)}\n`);
  else
    for (const plan of plans)
      io.stdout.write(`${nameOf(plan)}  ${plan.mode}  in force from ${plan.effective_at}\n`);
}

function nameOf({ event_name, app_id }: PlanKey): string {
  return app_id === null ? event_name : `${event_name} of ${app_id}`;
}
