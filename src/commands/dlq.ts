import { parseArgs } from 'node:util';
import type { Io } from '../cli.ts';
import { readConfig } from '../config.ts';
import type { GivenStep } from '../letters/fix.ts';
import { type ApiAnswer, CallError, createCaller } from './dlq/caller.ts';
import { readSteps } from './dlq/steps.ts';
import {
  describeGroups,
  describeLetter,
  describeLetters,
  describeOutcomes,
  type Letter,
} from './dlq/words.ts';

/** Dead letters from the command line: over the HTTP API of a running service, as everybody else. */

const HELP = `Usage: sluice dlq <list|groups|show|replay|discard> [options]

  list      the letters, the newest first
  groups    how many, by reason
  show      one letter: sluice dlq show <id>
  replay    send events again, through the same dedupe, with their original ids
  discard   put letters aside

Which letters:
  --reason <code>   with this reason (replay and discard: the open ones)
  --id <id>         this one; repeatable. Words after the command are ids too
  --state <state>   list and groups: open, replayed or discarded
  --app <app>       only of this app
  --limit <n>       at most so many. Default: list 50, replay and discard all

How to fix them before they are sent, repeatable, done in this order:
  --fix 'set field=value'        any JSON; what is no JSON is text
  --fix 'rename field=new_name'
  --fix 'remove field'
  --fix 'cast field=number'      or string, boolean, timestamp
  A field is a path with dots, properties.watch_ms; the field . is the whole event.

  --dry-run         say what would become of them, and do nothing
  --url <url>       default http://127.0.0.1:$PORT
  --key <key>       default $ANALYTICS_ADMIN_KEY
  --json            the API's own answer
  --help            this text

Exit code: 0 done, 1 failed or some letters were rejected, 2 wrong words.
`;

const OPTIONS = {
  reason: { type: 'string' },
  id: { type: 'string', multiple: true },
  state: { type: 'string' },
  app: { type: 'string' },
  limit: { type: 'string' },
  fix: { type: 'string', multiple: true },
  'dry-run': { type: 'boolean' },
  url: { type: 'string' },
  key: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

/** Letters of one call; the service takes no more. */
const CALL_MAX = 1000;
/** The service's own limit of a page. */
const PAGE_MAX = 1000;
const LIST_DEFAULT = 50;

type Values = ReturnType<typeof readWords>['values'];

/** Words that make no sense; the message says why. */
class WordsError extends Error {}

interface Task {
  readonly values: Values;
  readonly ids: readonly string[];
  readonly steps: readonly GivenStep[];
  readonly limit: number;
  readonly call: ReturnType<typeof createCaller>;
  readonly io: Io;
}

const tasks: Readonly<Record<string, (task: Task) => Promise<number>>> = {
  list,
  groups,
  show,
  replay,
  discard,
};

export async function runDlq(argv: string[], io: Io): Promise<number> {
  const { values, positionals } = readWords(argv);
  const [name, ...rest] = positionals;
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  try {
    const task = name !== undefined && Object.hasOwn(tasks, name) ? tasks[name] : undefined;
    if (task === undefined) throw new WordsError(`dlq takes ${Object.keys(tasks).join(', ')}.`);
    return await task(readTask(name!, values, rest, io));
  } catch (error) {
    if (error instanceof WordsError) {
      io.stderr.write(`sluice: ${error.message}\nTry sluice dlq --help.\n`);
      return 2;
    }
    if (!(error instanceof CallError)) throw error;
    io.stderr.write(`sluice: ${error.message}\n`);
    return 1;
  }
}

function readWords(argv: string[]) {
  return parseArgs({ args: argv, options: OPTIONS, allowPositionals: true });
}

function readTask(name: string, values: Values, rest: readonly string[], io: Io): Task {
  const config = readConfig(process.env);
  const url = values.url ?? `http://127.0.0.1:${config.port}`;
  if (!URL.canParse(url)) throw new WordsError(`--url is '${url}', which is no URL.`);
  const ids = [...(values.id ?? []), ...rest];
  const limit = values.limit === undefined ? Infinity : Number(values.limit);
  if (limit !== Infinity && !(Number.isInteger(limit) && limit > 0))
    throw new WordsError(`--limit is '${values.limit}'; it takes a number above 0.`);
  const acts = name === 'replay' || name === 'discard';
  if (acts && ids.length > 0 === (values.reason !== undefined))
    throw new WordsError(`${name} takes ids, or a --reason; one of the two.`);
  if (ids.length > CALL_MAX) throw new WordsError(`${name} takes at most ${CALL_MAX} ids.`);
  if (name !== 'replay' && (values.fix !== undefined || values['dry-run']))
    throw new WordsError('--fix and --dry-run are for replay.');
  if (name === 'show' && ids.length !== 1) throw new WordsError('show takes one id.');
  if ((name === 'list' || name === 'groups') && ids.length > 0)
    throw new WordsError(`${name} takes no ids; show does.`);
  const steps = readSteps(values.fix ?? []);
  if (typeof steps === 'string') throw new WordsError(steps);
  // A setting may hold several, each with its app; any of them will do.
  const key = values.key ?? config.adminKey.split(',')[0]!.split(':')[0]!.trim();
  return { values, ids, steps, limit, call: createCaller(url, key, io.signal), io };
}

async function list({ values, limit, call, io }: Task): Promise<number> {
  const most = limit === Infinity ? LIST_DEFAULT : limit;
  const data: Letter[] = [];
  let cursor: string | null = null;
  do {
    const query = filters(values);
    query.set('limit', String(Math.min(PAGE_MAX, most - data.length)));
    if (cursor !== null) query.set('cursor', cursor);
    const page: ApiAnswer<Letter> = await call('GET', `/v1/dead-letters?${query}`);
    data.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor !== null && data.length < most);
  io.stdout.write(
    values.json ? asJson({ data, next_cursor: cursor }) : describeLetters(data, cursor !== null),
  );
  return 0;
}

async function groups({ values, call, io }: Task): Promise<number> {
  const answer = await call<Record<string, unknown>>('GET', `/v1/dead-letters/groups?${filters(values)}`);
  io.stdout.write(values.json ? asJson(answer) : describeGroups(answer.data));
  return 0;
}

async function show({ values, ids, call, io }: Task): Promise<number> {
  const letter = await call('GET', `/v1/dead-letters/${encodeURIComponent(ids[0]!)}`);
  io.stdout.write(values.json ? asJson(letter) : describeLetter(letter as unknown as Letter));
  return 0;
}

async function replay(task: Task): Promise<number> {
  const { values, steps } = task;
  const dry = values['dry-run'] ?? false;
  return await act(
    task,
    '/v1/dead-letters/replay',
    { fix: steps, dry_run: dry },
    dry ? 'would be taken' : 'sent',
  );
}

async function discard(task: Task): Promise<number> {
  return await act(task, '/v1/dead-letters/discard', {}, 'discarded');
}

/** Call after call, until no letter is left. */
async function act(task: Task, path: string, more: object, verb: string): Promise<number> {
  const { values, ids, limit, call, io } = task;
  const sum = { matched: 0, accepted: 0, rejected: 0, results: [] as Outcomes['results'] };
  let cursor: string | null = null;
  do {
    const answer: Outcomes = (await call('POST', path, {
      ...(ids.length > 0 ? { ids } : { reason: values.reason }),
      ...(values.app !== undefined && { app_id: values.app }),
      limit: Math.min(CALL_MAX, limit - sum.matched),
      ...more,
      ...(cursor !== null && { cursor }),
    })) as unknown as Outcomes;
    sum.matched += answer.matched;
    sum.accepted += answer.accepted ?? answer.discarded ?? 0;
    sum.rejected += answer.rejected;
    if (values.json) io.stdout.write(`${JSON.stringify(answer)}\n`);
    else io.stdout.write(describeOutcomes(answer.results));
    cursor = answer.next_cursor;
  } while (cursor !== null && sum.matched < limit && !io.signal.aborted);
  if (!values.json)
    io.stdout.write(`${sum.matched} found, ${sum.accepted} ${verb}, ${sum.rejected} rejected.\n`);
  return sum.rejected === 0 ? 0 : 1;
}

interface Outcomes {
  readonly matched: number;
  readonly accepted?: number;
  readonly discarded?: number;
  readonly rejected: number;
  readonly results: Parameters<typeof describeOutcomes>[0];
  readonly next_cursor: string | null;
}

function filters({ reason, state, app }: Values): URLSearchParams {
  const query = new URLSearchParams();
  if (reason !== undefined) query.set('reason', reason);
  if (state !== undefined) query.set('state', state);
  if (app !== undefined) query.set('app_id', app);
  return query;
}

const asJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
