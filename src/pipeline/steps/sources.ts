import { type Block, Dictionary } from '../block.ts';

/**
 * Where a visit came from: the referrer's host ('' for the page's own), the page's path, and the UTM parameters, as the
 * event says or as its page's URL carries them.
 */

const UTM = ['utm_source', 'utm_medium', 'utm_campaign', 'utm_term', 'utm_content'] as const;

interface Page {
  readonly host: string;
  readonly path: string;
  readonly utm: readonly string[];
}

const NO_PAGE: Page = { host: '', path: '', utm: UTM.map(() => '') };

export function readSources(block: Block): void {
  const { builder, rows, text } = block;
  const urlIds = builder.textColumns.page_url;
  const pages = new Map<number, Page>([[0, NO_PAGE]]);
  const pageOf = (row: number): Page =>
    pages.getOrInsertComputed(urlIds[row]!, (id) => readPage(builder.text.get(id)));

  const paths = new Dictionary();
  const said = Uint32Array.from(text.page.values, (value) => paths.idOf(readPath(value)));
  const page = new Uint32Array(rows);
  const utm = UTM.map((name) => {
    const dictionary = new Dictionary();
    const own = Uint32Array.from(text[name].values, (value) => dictionary.idOf(value));
    return { name, dictionary, own, from: text[name].ids, ids: new Uint32Array(rows) };
  });
  for (let row = 0; row < rows; row++) {
    const url = urlIds[row] === 0 ? NO_PAGE : pageOf(row);
    page[row] = said[text.page.ids[row]!]! || (url.path === '' ? 0 : paths.idOf(url.path));
    for (let i = 0; i < utm.length; i++) {
      const column = utm[i]!;
      const fromUrl = url.utm[i]!;
      column.ids[row] =
        column.own[column.from[row]!]! || (fromUrl === '' ? 0 : column.dictionary.idOf(fromUrl));
    }
  }
  text.page = { values: paths.values, ids: page };
  for (const column of utm) text[column.name] = { values: column.dictionary.values, ids: column.ids };
  readReferrers(block, pageOf);
}

function readReferrers(block: Block, pageOf: (row: number) => Page): void {
  const { ids, values } = block.text.referrer;
  const hosts = new Dictionary();
  const hostOf = values.map(readHost);
  const hostIds = Uint32Array.from(hostOf, (host) => hosts.idOf(host));
  const out = new Uint32Array(block.rows);
  for (let row = 0; row < block.rows; row++) {
    const id = ids[row]!;
    if (id !== 0 && hostOf[id] !== pageOf(row).host) out[row] = hostIds[id]!;
  }
  block.text.referrer = { values: hosts.values, ids: out };
}

function readPage(url: string): Page {
  const parsed = URL.parse(url, 'http://-');
  if (!parsed) return NO_PAGE;
  return {
    host: parsed.host === '-' ? '' : withoutWww(parsed.host),
    path: parsed.pathname,
    utm: UTM.map((name) => parsed.searchParams.get(name) ?? ''),
  };
}

function readPath(said: string): string {
  return said === '' || (said.startsWith('/') && !/[?#]/.test(said))
    ? said
    : (URL.parse(said, 'http://-')?.pathname ?? said);
}

/** A host may be given bare, as some SDKs do. */
function readHost(referrer: string): string {
  if (referrer === '') return '';
  const parsed = URL.parse(referrer.includes('://') ? referrer : `https://${referrer}`);
  return withoutWww(parsed?.host ?? '');
}

const withoutWww = (host: string) => (host.startsWith('www.') ? host.slice(4) : host);
