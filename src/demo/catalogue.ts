/** The titles of the demo: three apps, series and films with durations, and a few live channels without. */
import { createRandom, type Random } from './random.ts';

/** How an app's player and SDK speak: the three differ in everything the rules of counting have to bridge. */
export interface DemoApp {
  readonly app_id: string;
  readonly host: string;
  /** Share of the audience. */
  readonly share: number;
  /** Field names: canonical, or the camelCase of older SDKs. */
  readonly dialect: 'canonical' | 'camel';
  readonly sendsViewId: boolean;
  /** What its player sends while it plays. */
  readonly beat: 'video_heartbeat' | 'video_progress';
  readonly beatSaysWatchTime: boolean;
}

export interface Title {
  readonly index: number;
  readonly video_id: string;
  readonly title: string;
  /** null for a live channel. */
  readonly duration_seconds: number | null;
  readonly series: string | null;
  readonly season: number | null;
  readonly episode: number | null;
  readonly tags: readonly string[];
  readonly app: DemoApp;
}

export interface Catalogue {
  readonly apps: readonly DemoApp[];
  readonly titles: readonly Title[];
  /** A title of the app, the popular ones far more often (Zipf). */
  pick(app: DemoApp, random: Random): Title;
}

const first = [
  'Silent',
  'Crimson',
  'Hidden',
  'Northern',
  'Paper',
  'Golden',
  'Last',
  'Electric',
  'Quiet',
  'Wild',
];
const second = [
  'Harbour',
  'Orbit',
  'Garden',
  'Signal',
  'Valley',
  'Kitchen',
  'Empire',
  'River',
  'Machine',
  'Letters',
];
const lessons = [
  'Algebra',
  'Watercolour',
  'TypeScript',
  'Guitar',
  'Chemistry',
  'Spanish',
  'Astronomy',
  'Statistics',
];
const tales = ['Milo the Fox', 'Captain Crumb', 'The Tiny Train', 'Luna and the Stars', 'Dino Days'];
const genres = ['drama', 'comedy', 'documentary', 'crime', 'nature', 'science', 'music', 'family'];

function createApps(suffix: string): DemoApp[] {
  return [
    {
      app_id: `tube${suffix}`,
      host: 'tube.example',
      share: 0.6,
      dialect: 'canonical',
      sendsViewId: true,
      beat: 'video_heartbeat',
      beatSaysWatchTime: true,
    },
    {
      app_id: `learn${suffix}`,
      host: 'learn.example',
      share: 0.25,
      dialect: 'camel',
      sendsViewId: true,
      beat: 'video_progress',
      beatSaysWatchTime: true,
    },
    {
      app_id: `kids${suffix}`,
      host: 'kids.example',
      share: 0.15,
      dialect: 'canonical',
      sendsViewId: false,
      beat: 'video_heartbeat',
      beatSaysWatchTime: false,
    },
  ];
}

type Draft = Omit<Title, 'index' | 'video_id' | 'app'> & { readonly prefix: string };

function tubeTitles(random: Random): Draft[] {
  const drafts: Draft[] = [];
  for (const [i, adjective] of first.entries()) {
    const series = `${adjective} ${second[(i * 3) % second.length]}`;
    const tags = [random.pick(genres), random.pick(genres)];
    for (let episode = 1; episode <= 8; episode++) {
      const season = episode <= 4 ? 1 : 2;
      const number = ((episode - 1) % 4) + 1;
      const duration_seconds = random.between(1_300, 3_300);
      const title = `${series}, S${season} E${number}`;
      drafts.push({ prefix: 'tube', title, duration_seconds, series, season, episode: number, tags });
    }
  }
  for (let i = 0; i < 35; i++) {
    const title = `The ${random.pick(first)} ${random.pick(second)} ${i + 1}`;
    const duration_seconds = i < 20 ? random.between(45, 600) : random.between(4_800, 8_400);
    const tags = [random.pick(genres), i < 20 ? 'clip' : 'film'];
    drafts.push({ prefix: 'tube', title, duration_seconds, series: null, season: null, episode: null, tags });
  }
  for (const channel of ['News', 'Sports', 'Music', 'Nature', 'Space']) {
    const title = `${channel} live`;
    drafts.push({
      prefix: 'live',
      title,
      duration_seconds: null,
      series: null,
      season: null,
      episode: null,
      tags: ['live'],
    });
  }
  return drafts;
}

function episodes(
  prefix: string,
  series: readonly string[],
  count: number,
  seconds: readonly [number, number],
  random: Random,
): Draft[] {
  return series.flatMap((name) =>
    Array.from({ length: count }, (_, i) => ({
      prefix,
      title: `${name} ${i + 1}`,
      duration_seconds: random.between(...seconds),
      series: name,
      season: 1,
      episode: i + 1,
      tags: [prefix],
    })),
  );
}

/** The catalogue of a seed: 200 titles. `suffix` sets the apps and titles of one run apart from those of others. */
export function createCatalogue(seed: number, suffix: string): Catalogue {
  const random = createRandom(seed, 1);
  const apps = createApps(suffix);
  const drafts = [
    tubeTitles(random),
    episodes('learn', lessons, 6, [240, 1_500], random),
    episodes('kids', tales, 6, [300, 720], random).concat(
      episodes('kids', ['Lullabies'], 2, [120, 240], random),
    ),
  ];
  const titles: Title[] = [];
  const byApp = new Map<DemoApp, { titles: Title[]; cumulative: number[] }>();
  for (const [i, app] of apps.entries()) {
    const own = drafts[i]!.map((draft, n): Title => {
      const { prefix, ...rest } = draft;
      return {
        ...rest,
        app,
        index: titles.length + n,
        video_id: `${prefix}-${String(n + 1).padStart(3, '0')}${suffix}`,
      };
    });
    titles.push(...own);
    // Who is popular has nothing to do with the place in the list.
    const order = own.map((title) => ({ title, key: random.next() })).sort((a, b) => a.key - b.key);
    let sum = 0;
    const cumulative = order.map((_, rank) => {
      sum += 1 / (rank + 1) ** 0.9;
      return sum;
    });
    byApp.set(app, { titles: order.map(({ title }) => title), cumulative });
  }
  return {
    apps,
    titles,
    pick(app, visitRandom) {
      const { titles: ranked, cumulative } = byApp.get(app)!;
      const at = visitRandom.next() * cumulative.at(-1)!;
      return ranked[cumulative.findIndex((sum) => at < sum)] ?? ranked[0]!;
    },
  };
}
