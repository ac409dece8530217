import type { FastifyInstance } from 'fastify';
import { renderDocs } from './docs-page.ts';
import type { RouteBook } from './openapi.ts';

export interface DocsOptions {
  /** Has collected the routes by the time the service serves. */
  readonly book: RouteBook;
  readonly version: string;
  /** Of this service, for the examples. */
  readonly url: string;
}

/** `/openapi.json` and `/docs`, open to all; both are made once, when every route is there. */
export async function docsRoutes(app: FastifyInstance, { book, version, url }: DocsOptions): Promise<void> {
  let json = '';
  let page = '';
  app.addHook('onReady', async () => {
    const document = book.document(version);
    json = JSON.stringify(document);
    page = renderDocs(document, url);
  });
  app.get('/openapi.json', async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(json),
  );
  app.get('/docs', async (_request, reply) => reply.type('text/html; charset=utf-8').send(page));
}
