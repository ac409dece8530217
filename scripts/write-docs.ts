/**
 * Writes what the docs say of the code: each section between `<!-- generated: name -->` and `<!-- /generated -->` in
 * docs/*.md, and .env.example. A test compares them with what this prints.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Fastify from 'fastify';
import { settingsMarkdown } from '../src/config.ts';
import { eventColumns } from '../src/event/columns.ts';
import { eventFieldsMarkdown, refusalsMarkdown } from '../src/event/describe.ts';
import { eventKinds, eventLimits } from '../src/event/event.ts';
import { problems } from '../src/http/problem.ts';
import { addRealtimeRoutes } from '../src/live/routes.ts';
import {
  createRouteBook,
  type JsonSchema,
  type OpenApiDocument,
  type Operation,
} from '../src/query/openapi.ts';
import { queryRoutes } from '../src/query/query.ts';
import { createReplayRoutes } from '../src/replay-routes.ts';
import type { Setting } from '../src/settings/setting.ts';
import { settings } from '../src/settings.ts';
import { readReportTemplates } from '../src/store/report-templates.ts';
import { createMetrics } from '../src/telemetry/metrics.ts';
import { columnTexts, kindTexts } from './docs-texts.ts';

export const ROOT = join(import.meta.dirname, '..');
const SECTION = /(<!-- generated: (.+?) -->\n)[\s\S]*?(<!-- \/generated -->)/g;

/** A section of the docs by its name; throws for a name that there is not. */
export type Sections = (name: string) => string;

export function docFiles(): string[] {
  return ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', ...globSync('docs/*.md', { cwd: ROOT }).sort()];
}

export function readDoc(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

/** The document with its generated sections as they should be. */
export function refreshDoc(text: string, sections: Sections): string {
  return text.replace(
    SECTION,
    (_all, head: string, name: string, tail: string) => `${head}${sections(name)}\n${tail}`,
  );
}

export async function openSections(): Promise<Sections> {
  const api = await describeApi();
  const fixed: Readonly<Record<string, () => string>> = {
    fields: eventFieldsMarkdown,
    kinds: kindsMarkdown,
    limits: limitsMarkdown,
    refusals: refusalsMarkdown,
    columns: columnsMarkdown,
    problems: problemsMarkdown,
    settings: settingsMarkdown,
    metrics: metricsMarkdown,
    endpoints: () => endpointsMarkdown(api),
    reports: reportsMarkdown,
  };
  return (name) => {
    const [, method, path] = /^parameters ([A-Z]+) (\S+)$/.exec(name) ?? [];
    const operation = api.paths[path ?? '']?.[method?.toLowerCase() ?? ''];
    if (operation !== undefined) return parametersMarkdown(operation);
    const section = fixed[name];
    if (section === undefined) throw new Error(`There is no section '${name}' of the docs.`);
    return section();
  };
}

/** `/openapi.json` without a service: the routes are registered, and never called. */
export async function describeApi(): Promise<OpenApiDocument> {
  const app = Fastify();
  const book = createRouteBook();
  book.collect(app);
  const access = { authorize: () => ({ granted: false, code: 'wrong_scope', detail: '' }) as const };
  await app.register(queryRoutes, {
    store: { select: async () => [], async *stream() {} },
    moments: {} as never,
    catalog: {} as never,
    access,
    gapLimitMs: 1,
    conversionEvents: [],
    answers: {
      give: (_question: unknown, make: () => Promise<Uint8Array>) => make(),
      changed() {},
      forget() {},
    },
    inFlight: async () => 0,
    pipelineFacts: () => ({}) as never,
    letters: null,
    erasure: {} as never,
    sql: null as never,
    now: () => 0,
  });
  addRealtimeRoutes(app, {} as never);
  const replay = createReplayRoutes({
    access,
    audit: async () => {},
    deps: {} as never,
    logger: {} as never,
    now: () => 0,
  });
  await app.register((routes) => replay.plugin(routes));
  await app.ready();
  await app.close();
  return book.document('');
}

export function operationsOf({ paths }: OpenApiDocument): { name: string; operation: Operation }[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

const kindsMarkdown = () =>
  table(
    ['name', 'meaning'],
    Object.entries(kindTexts)
      .filter(([name]) => name in eventKinds)
      .map(([name, text]) => [`\`${name}\``, text]),
  );

function limitsMarkdown(): string {
  const number = (value: number) => value.toLocaleString('en-US');
  return table(
    ['what', 'at most'],
    [
      ['`event_name`', `${eventLimits.nameCharsMax} characters`],
      ['an identifier', `${eventLimits.idBytesMax} bytes`],
      [
        '`properties`, and `context`',
        `${number(eventLimits.objectBytesMax)} bytes of JSON text as sent, ${eventLimits.objectDepthMax} levels, ${eventLimits.objectKeysMax} keys on all levels`,
      ],
      [
        'a text read from `context` (URL, user agent)',
        `${number(eventLimits.textBytesMax)} bytes; the rest is cut off`,
      ],
      ['levels of a body', `${eventLimits.nestingMax}; deeper is broken syntax`],
      [
        'events in a request',
        `${number(settings.ingestEventsMax.default)} (\`${settings.ingestEventsMax.env[0]}\`)`,
      ],
      [
        'bytes of a body, as sent and inflated',
        `${number(settings.ingestBodyBytesMax.default)} (\`${settings.ingestBodyBytesMax.env[0]}\`)`,
      ],
      [
        'age of a timestamp',
        `${settings.timestampAgeMaxDays.default} days (\`${settings.timestampAgeMaxDays.env[0]}\`)`,
      ],
      ['how far a timestamp may be ahead', '24 hours'],
    ],
  );
}

function columnsMarkdown(): string {
  const types = new Map<string, string>(eventColumns.map(({ name, type }) => [name, type]));
  const added = { inserted_at: "DateTime64(3, 'UTC')", metadata: 'Nullable(String)' };
  const typeOf = (name: string) =>
    types.get(name) ??
    added[name as keyof typeof added] ??
    (name === 'actor' ? 'String' : 'LowCardinality(String)');
  return table(
    ['column', 'type', 'meaning'],
    Object.entries(columnTexts).map(([name, text]) => [`\`${name}\``, `\`${typeOf(name)}\``, text]),
  );
}

function reportsMarkdown(): string {
  const names = (list: readonly string[]) => list.map((name) => `\`${name}\``).join(', ');
  return table(
    ['template', 'what', 'parameters', 'columns'],
    [...readReportTemplates().values()].map(({ name, description, params, columns, previous }) => [
      `\`${name}\``,
      description,
      names(Object.keys(params)),
      names([...columns.map((column) => column.name), ...(previous ? ['previous'] : [])]),
    ]),
  );
}

const problemsMarkdown = () =>
  table(
    ['status', 'code', 'what happened, what to do'],
    Object.entries(problems).map(([code, { status, docs }]) => [String(status), `\`${code}\``, docs]),
  );

function metricsMarkdown(): string {
  const { registry } = createMetrics({ processDefaults: false });
  // Its types leave out what a metric knows of itself.
  const known = registry.getMetricsAsArray() as unknown as {
    name: string;
    help: string;
    type: string;
    labelNames?: string[];
  }[];
  return table(
    ['metric', 'type', 'labels', 'says'],
    known.map(({ name, type, labelNames = [], help }) => [
      `\`${name}\``,
      type,
      labelNames.map((label) => `\`${label}\``).join(', '),
      help,
    ]),
  );
}

const endpointsMarkdown = (api: OpenApiDocument) =>
  table(
    ['endpoint', 'what', 'scope'],
    operationsOf(api).map(({ name, operation }) => [
      `\`${name}\``,
      operation.summary,
      operation['x-scopes']?.map((scope) => `\`${scope}\``).join(' or ') ?? '',
    ]),
  );

const parametersMarkdown = ({ parameters = [] }: Operation) =>
  table(
    ['parameter', 'takes', 'what it is for'],
    parameters.map(({ name, required, schema, description = '' }) => [
      `\`${name}\`${required ? ' (required)' : ''}`,
      typeText(schema),
      description.replaceAll('|', '\\|'),
    ]),
  );

function typeText(schema: JsonSchema): string {
  const { type, minimum, maximum, maxLength, items } = schema;
  const options = schema['enum'];
  if (Array.isArray(options)) return options.map((option) => `\`${option}\``).join(', ');
  if (type === 'array') return `list of ${typeText(items as JsonSchema)}`;
  if (minimum !== undefined && maximum !== undefined) return `${type}, ${minimum} to ${maximum}`;
  if (maxLength !== undefined) return `${type}, at most ${maxLength} characters`;
  return String(type);
}

/** .env.example: every setting with its default, commented out. */
export function envExample(): string {
  const entries = Object.values<Setting>(settings).map((setting) => {
    const [name] = setting.env;
    const value = Array.isArray(setting.default) ? setting.default.join(',') : String(setting.default);
    const bounds =
      setting.kind === 'number'
        ? ` [${setting.unit}, ${setting.min} to ${setting.max}]`
        : 'choices' in setting
          ? ` [${setting.choices!.filter(Boolean).join(', ')}]`
          : '';
    return `# ${setting.doc}${bounds}\n#${name}=${value}\n`;
  });
  return [
    '# Every setting with its default. Uncomment what you change. `npm run docs` writes this file.\n',
    ...entries,
  ].join('\n');
}

async function writeDocs(): Promise<void> {
  const sections = await openSections();
  for (const file of docFiles()) writeFileSync(join(ROOT, file), refreshDoc(readDoc(file), sections));
  writeFileSync(join(ROOT, '.env.example'), envExample());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeDocs();
