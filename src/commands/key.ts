import { parseArgs } from 'node:util';
import { makeSecret } from '../access/keys.ts';
import type { CatalogKey, KeyPlace } from '../catalog/keys.ts';
import type { Io } from '../cli.ts';
import { isAppId } from './app.ts';
import { noteCommand, WordsError, withCatalog } from './catalogue.ts';

const HELP = `Usage: sluice key <create|list|rotate|revoke> [options]

  create    a new key; its secret is shown this once
  list      the keys, the newest first
  rotate    give a key another secret: sluice key rotate <key_id>
  revoke    close a key for good: sluice key revoke <key_id>

Of a new key:
  --scopes <list>   of ingest, read and admin, with commas; none includes another
  --apps <list>     the apps it is limited to, with commas. Default: every app
  --name <text>     for people

  --revoked         list revoked keys too
  --json            as JSON
  --help            this text

Works on the catalogue itself (ANALYTICS_DATA_DIR, or ANALYTICS_PG_URL), whether the service runs or not; a running one
knows of a change within seconds.
`;

const SCOPES = ['ingest', 'read', 'admin'];
const PAGE = 1_000;

function readWords(argv: string[]) {
  return parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      scopes: { type: 'string' },
      apps: { type: 'string' },
      name: { type: 'string' },
      revoked: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
}

type Values = ReturnType<typeof readWords>['values'];

export async function runKey(argv: string[], io: Io): Promise<number> {
  const { values, positionals } = readWords(argv);
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  const [what, id, ...rest] = positionals;
  if (rest.length > 0) throw new WordsError(`'${rest.join(' ')}' is too much.`);
  if (what === 'create' && id === undefined) return await create(values, io);
  if (what === 'list' && id === undefined) return await list(values, io);
  if (what === 'rotate' && id !== undefined) return await rotate(id, values, io);
  if (what === 'revoke' && id !== undefined) return await revoke(id, io);
  throw new WordsError("'key' takes 'create', 'list', 'rotate <key_id>' or 'revoke <key_id>'.");
}

async function create(values: Values, io: Io): Promise<number> {
  const scopes = [...new Set(splitList(values.scopes ?? ''))];
  const wrong = scopes.filter((scope) => !SCOPES.includes(scope));
  if (scopes.length === 0 || wrong.length > 0)
    throw new WordsError(
      `--scopes takes ${SCOPES.join(', ')}; at least one${wrong.length > 0 ? `, not '${wrong.join("', '")}'` : ''}.`,
    );
  const apps = values.apps === undefined ? null : [...new Set(splitList(values.apps))];
  if (apps !== null && (apps.length === 0 || !apps.every(isAppId)))
    throw new WordsError('--apps takes ids of apps, with commas; leave it out for every app.');
  const { secret, ...mark } = makeSecret();
  const name = values.name ?? null;
  const key = await withCatalog(async (catalog) => {
    const made = await catalog.keys.create({ name, scopes, apps }, mark);
    await noteCommand(catalog, 'key create', made.key_id);
    return made;
  });
  show(key, secret, values, io);
  return 0;
}

async function list(values: Values, io: Io): Promise<number> {
  return await withCatalog(async ({ keys }) => {
    const all: CatalogKey[] = [];
    let after: KeyPlace | null = null;
    for (;;) {
      const page: CatalogKey[] = await keys.list({ revoked: values.revoked ?? false, limit: PAGE, after });
      all.push(...page);
      if (page.length < PAGE) break;
      after = page.at(-1)!;
    }
    if (values.json) io.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
    else for (const key of all) io.stdout.write(`${describeKey(key)}\n`);
    return 0;
  });
}

async function rotate(id: string, values: Values, io: Io): Promise<number> {
  const { secret, ...mark } = makeSecret();
  const key = await withCatalog(async (catalog) => {
    const rotated = await catalog.keys.rotate(id, mark);
    if (rotated !== null) await noteCommand(catalog, 'key rotate', id);
    return rotated;
  });
  if (key === null) return noKey(id, io);
  show(key, secret, values, io);
  return 0;
}

async function revoke(id: string, io: Io): Promise<number> {
  const revoked = await withCatalog(async (catalog) => {
    const done = await catalog.keys.revoke(id);
    if (done) await noteCommand(catalog, 'key revoke', id);
    return done;
  });
  if (!revoked) return noKey(id, io);
  io.stdout.write(`${id}: revoked.\n`);
  return 0;
}

function noKey(id: string, io: Io): number {
  io.stderr.write(`sluice: there is no key '${id}' that opens anything.\n`);
  return 1;
}

/** The secret goes to stdout alone, so that a script can take it. */
function show(key: CatalogKey, secret: string, { json }: Values, io: Io): void {
  if (json) {
    io.stdout.write(`${JSON.stringify({ ...key, key: secret }, null, 2)}\n`);
    return;
  }
  io.stderr.write(`${describeKey(key)}\nIts secret is shown this once; only its hash is kept:\n`);
  io.stdout.write(`${secret}\n`);
}

function describeKey({ key_id, prefix, scopes, apps, name, revoked_at }: CatalogKey): string {
  const covered = apps === null ? 'every app' : apps.join(',') || 'no app';
  const words = [key_id, `${prefix}…`, scopes.join(','), covered, name ?? ''];
  return `${words.filter(Boolean).join('  ')}${revoked_at === null ? '' : `  (revoked ${revoked_at})`}`;
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean);
}
