import { parseArgs } from 'node:util';
import type { Io } from '../cli.ts';
import { noteCommand, WordsError, withCatalog } from './catalogue.ts';

const HELP = `Usage: sluice app <create|list> [options]

  create    sluice app create <app_id> [--name "The App"]
  list      the apps of the catalogue

  --json    as JSON
  --help    this text

Works on the catalogue itself (ANALYTICS_DATA_DIR, or ANALYTICS_PG_URL), whether the service runs or not.
`;

export async function runApp(argv: string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: { name: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
  });
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  const [what, appId, ...rest] = positionals;
  const name = values.name ?? null;
  if (rest.length > 0) throw new WordsError(`'${rest.join(' ')}' is too much.`);
  if (what === 'create') {
    if (appId === undefined || !isAppId(appId))
      throw new WordsError("'app create' takes the id of an app, without commas.");
    return await withCatalog(async (catalog) => {
      if (!(await catalog.apps.create({ app_id: appId, name }))) {
        io.stderr.write(`sluice: the app '${appId}' is there already.\n`);
        return 1;
      }
      await noteCommand(catalog, 'app create', appId);
      io.stdout.write(values.json ? `${JSON.stringify({ app_id: appId, name })}\n` : `${appId}: made.\n`);
      return 0;
    });
  }
  if (what !== 'list' || appId !== undefined)
    throw new WordsError("'app' takes 'create <app_id>' or 'list'.");
  return await withCatalog(async ({ apps }) => {
    const all = await apps.list();
    if (values.json) io.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
    else for (const app of all) io.stdout.write(`${app.app_id}${app.name === null ? '' : `  ${app.name}`}\n`);
    return 0;
  });
}

/** As the API takes it. */
export function isAppId(text: string): boolean {
  return text !== '' && text.trim() === text && text.length <= 256 && !/[,\p{Cc}]/u.test(text);
}
