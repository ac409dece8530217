/** What earlier runs sent to one service, in a file, so that counts go on and can be verified later. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Catalogue } from './catalogue.ts';
import {
  type AppCount,
  type Count,
  createAppCount,
  createCount,
  createPeople,
  type People,
  type TitleCount,
} from './count.ts';

const version = 1;

export interface DemoState {
  readonly url: string;
  readonly seed: number;
  /** Sets the apps and titles of this state apart from those of others on the same service. */
  readonly suffix: string;
  /** Epoch ms: all events lie in from <= timestamp < to. */
  from: number;
  to: number;
  /** Events whose fate is not known; with any of them the numbers may differ. */
  uncertain: number;
  readonly count: Count;
}

interface SavedPeople {
  readonly numbered: string;
  readonly nameless: number;
}

const savePeople = ({ numbered, nameless }: People): SavedPeople => ({ numbered: numbered.save(), nameless });
const loadPeople = ({ numbered, nameless }: SavedPeople): People => createPeople(numbered, nameless);

function saveApp(app: AppCount): object {
  return {
    ...app,
    users: savePeople(app.users),
    viewers: savePeople(app.viewers),
    reach: savePeople(app.reach),
    days: Object.fromEntries(app.days),
  };
}

type SavedApp = Omit<AppCount, 'users' | 'viewers' | 'reach' | 'days'> & {
  readonly users: SavedPeople;
  readonly viewers: SavedPeople;
  readonly reach: SavedPeople;
  readonly days: Record<string, { events: number; views: number }>;
};

function loadApp(saved: SavedApp): AppCount {
  return {
    ...createAppCount(),
    ...saved,
    users: loadPeople(saved.users),
    viewers: loadPeople(saved.viewers),
    reach: loadPeople(saved.reach),
    days: new Map(Object.entries(saved.days)),
  };
}

/** Where the state of a service is kept unless said otherwise. */
export function defaultStateFile(url: string): string {
  return `data/demo-${new URL(url).host.replace(/[^a-zA-Z0-9.-]/g, '-')}.json`;
}

/** A state in which nothing was sent yet. */
export function createState(
  catalogue: Catalogue,
  about: Pick<DemoState, 'url' | 'seed' | 'suffix'>,
): DemoState {
  const nothing = { from: Number.POSITIVE_INFINITY, to: 0, uncertain: 0 };
  return { ...about, ...nothing, count: createCount(catalogue) };
}

/** Writes the state in one step: a reader finds the old one or the new one. */
export async function saveState(file: string, state: DemoState): Promise<void> {
  const { count, ...rest } = state;
  const saved = {
    version,
    ...rest,
    apps: Object.fromEntries([...count.apps].map(([id, app]) => [id, saveApp(app)])),
    titles: Object.fromEntries(
      [...count.titles].map(([id, title]) => [id, { ...title, viewers: savePeople(title.viewers) }]),
    ),
  };
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, JSON.stringify(saved));
  await rename(`${file}.new`, file);
}

interface Saved extends Omit<DemoState, 'count'> {
  readonly version: number;
  readonly apps: Record<string, SavedApp>;
  readonly titles: Record<string, Omit<TitleCount, 'viewers'> & { readonly viewers: SavedPeople }>;
}

/** The state in a file; null when there is none. Throws when the file holds something else. */
export async function loadState(file: string): Promise<DemoState | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  let saved: Saved;
  try {
    saved = JSON.parse(text) as Saved;
  } catch (cause) {
    throw new Error(`${file} is no state of the demo: remove it, or name another with --state`, { cause });
  }
  if (saved.version !== version) {
    throw new Error(
      `${file} was written by another version of the demo: remove it, or name another with --state`,
    );
  }
  const { apps, titles, version: _, ...rest } = saved;
  const count = {
    apps: new Map(Object.entries(apps).map(([id, app]) => [id, loadApp(app)])),
    titles: new Map(
      Object.entries(titles).map(([id, title]) => [id, { ...title, viewers: loadPeople(title.viewers) }]),
    ),
  };
  return { ...rest, count };
}
