/** The audience: each person has a number, and from it an app, a device, a country and a way to be known. */
import type { Catalogue, DemoApp } from './catalogue.ts';
import { createRandom } from './random.ts';

export interface Person {
  readonly number: number;
  readonly app: DemoApp;
  /** A `session` person sends no id but that of the session; a `bot` is one by its user agent. */
  readonly knownBy: 'user' | 'anonymous' | 'session' | 'bot';
  readonly id: string;
  readonly userAgent: string;
  readonly device: 'desktop' | 'mobile' | 'tv' | 'tablet';
  readonly country: string;
  readonly language: string;
}

const agents: readonly { readonly device: Person['device']; readonly userAgent: string }[] = [
  {
    device: 'desktop',
    userAgent:
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 Safari/537.36',
  },
  {
    device: 'desktop',
    userAgent:
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.2 Safari/605.1.15',
  },
  { device: 'desktop', userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0' },
  {
    device: 'mobile',
    userAgent:
      'Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 Mobile Safari/537.36',
  },
  {
    device: 'mobile',
    userAgent:
      'Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Mobile/15E148 Safari/604.1',
  },
  {
    device: 'tablet',
    userAgent:
      'Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1',
  },
  {
    device: 'tv',
    userAgent:
      'Mozilla/5.0 (SMART-TV; LINUX; Tizen 8.0) AppleWebKit/537.36 (KHTML, like Gecko) Version/8.0 TV Safari/537.36',
  },
];
const botAgent = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)';

/** Countries by weight, with the language their people use. */
const places = [
  'US en',
  'US en',
  'US en',
  'DE de',
  'DE de',
  'GB en',
  'FR fr',
  'BR pt',
  'IN en',
  'JP ja',
  'NP ne',
  'CA en',
];

/** The app at a point of the whole audience, 0 <= point < 1. */
function appAt(point: number, apps: readonly DemoApp[]): DemoApp {
  let below = 0;
  for (const app of apps) {
    below += app.share;
    if (point < below) return app;
  }
  return apps[0]!;
}

/** The person of a number: always the same for a seed, however many others there are. */
export function createPerson(seed: number, number: number, catalogue: Catalogue): Person {
  const random = createRandom(seed, 2, number);
  const app = appAt(random.next(), catalogue.apps);
  const kind = random.next();
  const knownBy = kind < 0.7 ? 'user' : kind < 0.95 ? 'anonymous' : kind < 0.99 ? 'session' : 'bot';
  const { device, userAgent } = random.pick(agents);
  const [country = '', language = ''] = random.pick(places).split(' ');
  const id = `${knownBy === 'user' ? 'user' : 'anon'}-${(number + 1000).toString(36)}${random.bits().toString(36).slice(-4)}`;
  return {
    number,
    app,
    knownBy,
    id,
    device,
    userAgent: knownBy === 'bot' ? botAgent : userAgent,
    country,
    language,
  };
}
