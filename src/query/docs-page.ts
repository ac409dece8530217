import { eventFields, refusals } from '../event/event.ts';
import { problems } from '../http/problem.ts';
import { exampleOf } from './docs-example.ts';
import { docsStyle } from './docs-style.ts';
import type { OpenApiDocument, Operation, Parameter } from './openapi.ts';

/** `/docs`: the OpenAPI document as a page that reads well without a script, light or dark as the reader's system is. */

interface Entry {
  readonly path: string;
  readonly method: string;
  readonly operation: Operation;
}

const FIRST_TAGS = ['Ingest', 'Metrics', 'Realtime', 'Events'];

/** @param url of this service, for the examples */
export function renderDocs(document: OpenApiDocument, url: string): string {
  const groups = groupByTag(document);
  const sections = groups.map(([tag, entries]) => renderGroup(document, tag, entries, url)).join('');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sluice API</title>
<style>${docsStyle}</style>
</head>
<body>
<nav><a class="brand" href="#top">Sluice <small>${escapeHtml(document.info.version)}</small></a>
${groups.map(([tag, entries]) => renderMenu(tag, entries)).join('')}
<h2>Reference</h2><a href="#event">The event</a><a href="#refusals">Refusals</a><a href="#problems">Problems</a>
<a href="/openapi.json">openapi.json</a></nav>
<main id="top">
<h1>Sluice API</h1>
<p class="lead">${escapeHtml(document.info.description)} Send events, and ask for what they mean.</p>
${renderStart(url)}
${sections}
${renderEvent()}
${renderRefusals()}
${renderProblems()}
</main>
</body>
</html>
`;
}

function groupByTag(document: OpenApiDocument): [string, Entry[]][] {
  const groups = new Map<string, Entry[]>(FIRST_TAGS.map((tag) => [tag, []]));
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags[0] ?? 'Others';
      groups.getOrInsertComputed(tag, () => []).push({ path, method, operation });
    }
  }
  return [...groups].filter(([, entries]) => entries.length > 0);
}

const anchorOf = ({ method, path }: Entry) =>
  `${method}${path.replace(/[^a-z0-9]+/gi, '-').replace(/-$/, '')}`;

function renderMenu(tag: string, entries: readonly Entry[]): string {
  const links = entries.map((entry) => {
    const { method, path } = entry;
    return `<a href="#${anchorOf(entry)}"><b class="${method}">${method}</b>${escapeHtml(path)}</a>`;
  });
  return `<h2>${escapeHtml(tag)}</h2>${links.join('')}`;
}

function renderStart(url: string): string {
  const send = `curl ${url}/events -H 'content-type: application/json' \\
  -d '[{"event_name":"video_start","user_id":"ann","video_id":"v1"}]'`;
  const ask = `curl '${url}/metrics?metric=viewers&interval=1h'`;
  return `<p>Answers are JSON; times in them are ISO 8601 UTC. Lists are <code>{"data": […], "next_cursor": …}</code>, the newest first.
Where a credential is asked for, send <code>Authorization: Bearer &lt;key or JWT&gt;</code> or <code>x-api-key: &lt;key&gt;</code>.</p>
<pre><code>${escapeHtml(send)}

${escapeHtml(ask)}</code></pre>`;
}

function renderGroup(document: OpenApiDocument, tag: string, entries: readonly Entry[], url: string): string {
  const articles = entries.map((entry) => renderOperation(document, entry, url));
  return `<section><h2>${escapeHtml(tag)}</h2>${articles.join('')}</section>`;
}

function renderOperation(document: OpenApiDocument, entry: Entry, url: string): string {
  const { method, path, operation } = entry;
  const scopes = operation['x-scopes'];
  const access =
    scopes === undefined ? 'open to all' : `scope ${scopes.map((s) => `<code>${s}</code>`).join(' or ')}`;
  return `<article id="${anchorOf(entry)}">
<h3><b class="${method}">${method}</b><span>${escapeHtml(path)}</span></h3>
<p><strong>${escapeHtml(operation.summary)}.</strong> ${inline(operation.description ?? '')} <em>${access}</em></p>
${renderParameters(operation.parameters ?? [])}
<pre><code>${escapeHtml(curlOf(document, entry, url))}</code></pre>
${renderAnswer(document, operation)}
</article>`;
}

function renderParameters(parameters: readonly Parameter[]): string {
  if (parameters.length === 0) return '';
  const rows = parameters.map(({ name, required, description = '' }) => [
    `<code>${escapeHtml(name)}</code>${required ? ' <em>required</em>' : ''}`,
    inline(description),
  ]);
  return renderTable(['parameter', ''], rows);
}

function curlOf(document: OpenApiDocument, { path, method, operation }: Entry, url: string): string {
  const required = (operation.parameters ?? []).filter((p) => p.in === 'query' && p.required);
  const query = required.map((p) => `${p.name}=${String(exampleOf(document, p.schema, p.name))}`).join('&');
  const address = `'${url}${path.replace(/\{\w+\}/g, 'v1')}${query === '' ? '' : `?${query}`}'`;
  const body = operation.requestBody?.content['application/json']?.schema;
  if (body === undefined)
    return method === 'get' ? `curl ${address}` : `curl -X ${method.toUpperCase()} ${address}`;
  const data = JSON.stringify(exampleOf(document, body, ''));
  return `curl -X ${method.toUpperCase()} ${address} \\\n  -H 'content-type: application/json' \\\n  -d '${data}'`;
}

function renderAnswer(document: OpenApiDocument, operation: Operation): string {
  for (const [status, response] of Object.entries(operation.responses)) {
    const content = response.content as Record<string, { schema: object }> | undefined;
    const schema = content?.['application/json']?.schema;
    if (schema === undefined) continue;
    const example = JSON.stringify(exampleOf(document, schema as never, ''), null, 2);
    return `<details><summary>${status} answer</summary><pre><code>${escapeHtml(example)}</code></pre></details>`;
  }
  return '';
}

function renderEvent(): string {
  const rows = eventFields.map(({ name, aliases, inProperties, rule }) => {
    const also = [...aliases, ...inProperties.map((key) => `properties.${key}`)];
    return [`<code>${name}</code>`, also.map((alias) => `<code>${alias}</code>`).join(' '), inline(rule)];
  });
  return `<section id="event"><h2>The event</h2><p>Further top-level fields become properties.</p>
${renderTable(['field', 'also accepted', 'rule'], rows)}</section>`;
}

function renderRefusals(): string {
  const rows = Object.entries(refusals).map(([code, advice]) => [`<code>${code}</code>`, inline(advice)]);
  return `<section id="refusals"><h2>Refusals</h2><p>Why one event of a batch was not taken, and what to do.</p>
${renderTable(['code', 'advice'], rows)}</section>`;
}

function renderProblems(): string {
  const rows = Object.entries(problems).map(([code, { status, title, docs }]) => [
    `<span id="problem-${code}">${status}</span>`,
    `<code>${code}</code>`,
    `<strong>${inline(title)}.</strong> ${inline(docs)}`,
  ]);
  return `<section id="problems"><h2>Problems</h2><p>Every error is <code>application/problem+json</code> with one of these codes.</p>
${renderTable(['status', 'code', ''], rows)}</section>`;
}

/** Cells are HTML. */
function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (row: readonly string[]) => row.map((cell) => `<td>${cell}</td>`).join('');
  return `<div class="table"><table><thead><tr>${head.map((cell) => `<th>${cell}</th>`).join('')}</tr></thead>
<tbody>${rows.map((row) => `<tr>${cells(row)}</tr>`).join('')}</tbody></table></div>`;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** Text with `code` in it. */
function inline(text: string): string {
  return escapeHtml(text).replace(/`([^`]+)`/g, '<code>$1</code>');
}
