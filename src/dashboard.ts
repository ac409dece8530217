import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

const FOLDER = join(import.meta.dirname, '..', 'dist', 'dashboard');
/** Paths of the application itself: it reads them, and shows the page. */
const PAGES = [
  '/',
  '/now',
  '/overview',
  '/videos',
  '/videos/*',
  '/catalogue',
  '/event-log',
  '/sessions',
  '/sessions/*',
  '/pages',
  '/campaigns',
  '/funnels',
  '/retention',
  '/paths',
  '/reports',
  '/sql',
  '/pipeline',
  '/dead-letters',
  '/plans',
  '/alerts',
  '/keys',
];

/** The dashboard's files: they hold no data, so they are open to all. */
export async function serveDashboard(app: FastifyInstance): Promise<void> {
  if (!existsSync(join(FOLDER, 'index.html'))) {
    app.log.warn({ folder: FOLDER }, 'the dashboard is not built; run `npm run build`');
    return;
  }
  await app.register(fastifyStatic, {
    root: FOLDER,
    wildcard: false,
    index: false,
    cacheControl: false,
    setHeaders(response, path) {
      // Names in assets/ carry a hash of what they hold.
      const kept = path.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
      response.header('cache-control', kept);
    },
  });
  for (const page of PAGES) app.get(page, (_request, reply) => reply.sendFile('index.html'));
}
