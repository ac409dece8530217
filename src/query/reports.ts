import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { HttpProblem } from '../http/problem.ts';
import { type ReportTemplate, readsRangeOnly } from '../store/report-templates.ts';
import { dateOf, settledBy, wantsAfresh } from './answer-routes.ts';
import { readApps } from './caller.ts';
import { leavingOf } from './crowd.ts';
import type { QueryOptions } from './query.ts';
import { readRange, readTimezone } from './range.ts';
import type { ReportDesk, ReportScope } from './report-desk.ts';
import { paramsSchema, type ReadParams, readParams } from './report-params.ts';
import { isoTime } from './schemas.ts';

/** Reports: questions that are written down as data, by name (src/store/report-templates.ts). */

const Column = Type.Object({
  name: Type.String(),
  type: Type.Enum(['string', 'integer', 'number', 'time', 'object'], {
    description: 'time: ISO 8601. Any may be null.',
  }),
  description: Type.Optional(Type.String()),
});
const List = Type.Object({
  data: Type.Array(
    Type.Object({
      template: Type.String(),
      title: Type.String(),
      description: Type.String(),
      params: Type.Object({}, { description: 'JSON Schema of `params`.' }),
      columns: Type.Array(Column),
    }),
  ),
});
const Body = Type.Object({
  template: Type.String({ minLength: 1, maxLength: 100, description: 'A name of `GET /report`.' }),
  params: Type.Optional(
    Type.Object(
      {},
      { description: 'As the template says; `app_id`, `from`, `to`, `timezone`, `bots` always.' },
    ),
  ),
});
const Answer = Type.Object({
  template: Type.String(),
  params: Type.Object({}, { description: 'As given.' }),
  from: isoTime,
  to: isoTime,
  columns: Type.Array(Type.Object({ name: Type.String(), type: Type.String() })),
  rows: Type.Array(Type.Record(Type.String(), Type.Unknown()), {
    description: 'An object a row, by column.',
  }),
  generated_at: isoTime,
  cached: Type.Boolean({ description: 'The rows were read for somebody else, at generated_at.' }),
});

type Asked = FastifyRequest<{ Body: Static<typeof Body> }>;

export function addReportRoutes(app: FastifyInstance, options: QueryOptions, desk: ReportDesk): void {
  app.get(
    '/report',
    {
      config: { scopes: ['read'] },
      schema: {
        summary: 'Report templates',
        description: 'By name, each with its parameters as JSON Schema and the columns of its rows.',
        tags: ['Reports'],
        response: { 200: List },
      },
    },
    async () => ({ data: [...desk.templates.values()].map(describeTemplate) }),
  );
  app.post<{ Body: Static<typeof Body> }>(
    '/report',
    {
      config: { scopes: ['read'], asks: true },
      schema: {
        summary: 'Run a report',
        description: 'The rows of a template, exact at this moment.',
        tags: ['Reports'],
        body: Body,
        response: { 200: Answer },
      },
    },
    async (request, reply) => await answerReport(request as Asked, reply, options, desk),
  );
}

function describeTemplate(template: ReportTemplate) {
  const { name, title, description, columns, previous } = template;
  const more = previous
    ? [{ name: 'previous', type: 'object', description: 'The row of the period before.' }]
    : [];
  return {
    template: name,
    title,
    description,
    params: paramsSchema(template),
    columns: [...columns, ...more],
  };
}

async function answerReport(
  request: Asked,
  reply: FastifyReply,
  options: QueryOptions,
  desk: ReportDesk,
): Promise<FastifyReply> {
  const { template: name, params = {} } = request.body;
  const template = desk.templates.get(name);
  if (template === undefined) {
    const names = [...desk.templates.keys()].join(', ');
    throw new HttpProblem(
      'unknown_template',
      `There is no template ${JSON.stringify(name)}. Templates: ${names}.`,
    );
  }
  const read = readParams(template, params);
  const scope = readScope(request, read, options.now());
  let cached = true;
  const answer = await options.answers.give(
    describeQuestion(request, template, read, scope, options),
    async () => {
      cached = false;
      const rows = await desk.runWithPrevious(template, scope, read.own);
      return Buffer.from(JSON.stringify(shapeAnswer(template, params, scope, rows, options.now())));
    },
    leavingOf(reply.raw),
  );
  // What is kept does not know yet for whom it is.
  const open = Buffer.from(answer).toString().slice(0, -1);
  return reply.type('application/json; charset=utf-8').send(`${open},"cached":${cached}}`);
}

function readScope(request: Asked, { common }: ReadParams, now: number): ReportScope {
  const { app_id: named = [], from, to, timezone, bots = false, exact = false } = common;
  return {
    range: readRange(
      { ...(from !== undefined && { from }), ...(to !== undefined && { to }) },
      readTimezone(timezone),
      now,
      { from: 'params.from', to: 'params.to' },
    ),
    apps: readApps(request as FastifyRequest, [named].flat()),
    bots,
    exact,
  };
}

function describeQuestion(
  request: Asked,
  template: ReportTemplate,
  { common, own }: ReadParams,
  scope: ReportScope,
  options: QueryOptions,
) {
  // Titles may change, whatever the events do.
  const lasts = readsRangeOnly(template) && !template.titles;
  return {
    name: `report:${template.name}`,
    date: dateOf([common.from, common.to]),
    parts: [
      scope,
      Object.entries({ ...common, ...own }).sort(([a], [b]) => (a < b ? -1 : 1)),
      request.caller?.apps?.toSorted() ?? null,
    ],
    afresh: wantsAfresh(request as FastifyRequest),
    settled: settledBy(lasts ? scope : null, options),
  };
}

function shapeAnswer(
  template: ReportTemplate,
  params: object,
  { range }: ReportScope,
  rows: readonly object[],
  now: number,
): Omit<Static<typeof Answer>, 'cached'> {
  const { columns } = describeTemplate(template);
  return {
    template: template.name,
    params,
    from: new Date(range.from).toISOString(),
    to: new Date(range.to).toISOString(),
    columns: columns.map(({ name, type }) => ({ name, type })),
    rows: rows as Record<string, unknown>[],
    generated_at: new Date(now).toISOString(),
  };
}
