/**
 * Reports are data: each is a file of SQL and a description beside it, in the folder `reports`. In: the folder. Out: the
 * templates, checked as a whole, so that a fault in one is seen at the start and not by the first who asks for it.
 *
 * A template reads sources only, which are limited to what its caller may see (sql/report-sources.ts):
 * `{{events}}`, `{{events from -300 to 0}}` (seconds further than the range), `{{counts}}`, `{{impressions}}`, `{{views}}`.
 * Besides it may say `{{from}}`, `{{to}}`, `{{is_error}}`, over views `{{share}}` (watched share in percent, or NULL), and
 * `{name:Type}` for its parameters. One that counts distinct things by `uniqCombined64` takes `exact`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';

const described = { description: Type.Optional(Type.String()) };

const ParamSchema = Type.Union([
  Type.Object(
    {
      ...described,
      type: Type.Literal('string'),
      default: Type.String(),
      enum: Type.Optional(Type.Array(Type.String())),
      maxLength: Type.Optional(Type.Integer()),
    },
    { additionalProperties: false },
  ),
  Type.Object(
    {
      ...described,
      type: Type.Literal('integer'),
      default: Type.Integer(),
      minimum: Type.Integer(),
      maximum: Type.Integer(),
    },
    { additionalProperties: false },
  ),
  Type.Object(
    { ...described, type: Type.Literal('boolean'), default: Type.Boolean() },
    { additionalProperties: false },
  ),
  Type.Object(
    {
      ...described,
      type: Type.Literal('array'),
      items: Type.Object({ type: Type.Literal('string'), maxLength: Type.Integer() }),
      maxItems: Type.Integer(),
      default: Type.Array(Type.String()),
    },
    { additionalProperties: false },
  ),
]);

/** `time`: epoch ms from ClickHouse, ISO 8601 in the answer. */
const ColumnSchema = Type.Object(
  {
    ...described,
    name: Type.String(),
    type: Type.Union(['string', 'integer', 'number', 'time'].map((type) => Type.Literal(type))),
  },
  { additionalProperties: false },
);

const TemplateSchema = Type.Object(
  {
    title: Type.String(),
    description: Type.String(),
    /** Each row has the same numbers of the period before under `previous`; for templates of one row. */
    previous: Type.Optional(Type.Boolean()),
    /** The column `title` is that of the catalogue, by the column `video_id`. */
    titles: Type.Optional(Type.Boolean()),
    params: Type.Record(Type.String(), ParamSchema),
    columns: Type.Array(ColumnSchema, { minItems: 1 }),
  },
  { additionalProperties: false },
);

export type ReportParam = Static<typeof ParamSchema>;
export type ReportColumn = Static<typeof ColumnSchema>;

export interface ReportTemplate extends Static<typeof TemplateSchema> {
  readonly name: string;
  readonly sql: string;
}

const FOLDER = fileURLToPath(new URL('./reports', import.meta.url));
/** What the rest of the service reads; no template has a parameter of such a name. */
export const COMMON_PARAMS: readonly string[] = ['app_id', 'from', 'to', 'timezone', 'bots', 'exact'];

const SOURCES = ['events', 'counts', 'impressions', 'views'];
const WORDS = [...SOURCES, 'from', 'to', 'is_error', 'share'];

/** Whether it estimates how many people or sessions there were. */
export const estimates = ({ sql }: Pick<ReportTemplate, 'sql'>): boolean => /\buniqCombined64/.test(sql);

/** Whether the answer depends on nothing but the events of its range. */
export function readsRangeOnly({ sql, previous }: ReportTemplate): boolean {
  return !previous && !/\{\{\s*(views|events\s+from)/.test(sql);
}

/** `{{word}}` or `{{events from a to b}}`: the word and the two numbers, if there are any. */
export const PLACEHOLDER = /\{\{\s*(\w+)(?:\s+from\s+(-?\d+)\s+to\s+(-?\d+))?\s*\}\}/g;

/** Templates by name, in order of their names. Throws an Error that names every fault of every file. */
export function readReportTemplates(folder = FOLDER): ReadonlyMap<string, ReportTemplate> {
  const faults: string[] = [];
  const templates = new Map<string, ReportTemplate>();
  const files = readdirSync(folder).sort();
  for (const file of files.filter((name) => name.endsWith('.sql'))) {
    const name = basename(file, '.sql');
    const read = (suffix: string) => readFileSync(join(folder, name + suffix), 'utf8');
    if (!files.includes(`${name}.json`)) {
      faults.push(`${file}: there is no ${name}.json beside it`);
      continue;
    }
    const about: unknown = JSON.parse(read('.json'));
    const sql = read('.sql').replaceAll('\r\n', '\n');
    const found = [...aboutFaults(about), ...sqlFaults(sql)];
    if (found.length === 0) {
      const template = { ...(about as Static<typeof TemplateSchema>), name, sql };
      found.push(...agreementFaults(template));
      templates.set(name, template);
    }
    faults.push(...found.map((fault) => `${name}: ${fault}`));
  }
  if (faults.length > 0) throw new Error(`Report templates are not valid. ${faults.join('; ')}.`);
  return templates;
}

function aboutFaults(about: unknown): string[] {
  return Value.Errors(TemplateSchema, about).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

function sqlFaults(sql: string): string[] {
  const text = sql.replace(/--.*$/gm, '');
  const unknown = [...text.matchAll(PLACEHOLDER)].filter(([, word]) => !WORDS.includes(word!));
  const left = text.replace(PLACEHOLDER, '').match(/\{\{.*?\}\}/g) ?? [];
  // Tables are out of reach: whatever is read is a source or a subquery.
  const tables = [...text.replace(PLACEHOLDER, '(').matchAll(/\b(?:FROM|(?<!ARRAY\s)JOIN)\s+([^\s(]\S*)/gi)];
  return [
    ...unknown.map(([place]) => `${place} is no placeholder`),
    ...left.map((place) => `${place} cannot be read`),
    ...tables.map(
      ([, table]) => `it reads ${table}, not one of ${SOURCES.map((s) => `{{${s}}}`).join(', ')}`,
    ),
  ];
}

function agreementFaults({ sql, params, columns, previous, titles }: ReportTemplate): string[] {
  const used = new Set([...sql.matchAll(/\{(\w+):[^{}]+\}/g)].map(([, name]) => name!));
  const names = columns.map(({ name }) => name);
  const faults = [...used].filter((name) => !(name in params)).map((name) => `{${name}} is no parameter`);
  faults.push(...Object.keys(params).flatMap((name) => (used.has(name) ? [] : [`${name} is not used`])));
  faults.push(...Object.keys(params).flatMap(nameFaults));
  for (const [name, param] of Object.entries(params))
    if (!Value.Check(param as object, param.default)) faults.push(`the default of ${name} is not valid`);
  if (new Set(names).size < names.length) faults.push('two columns have one name');
  if (previous && names.includes('previous')) faults.push('previous is a column');
  if (titles && !(names.includes('video_id') && names.includes('title')))
    faults.push('titles need the columns video_id and title');
  return faults;
}

function nameFaults(name: string): string[] {
  // SqlValues calls its own v1, v2 and so on.
  if (!/^[a-z][a-z_]+$/.test(name)) return [`params: ${name} is not made of a to z and _`];
  return COMMON_PARAMS.includes(name) ? [`params: ${name} is one that every template has`] : [];
}
