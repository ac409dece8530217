import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { AlertState, HistoryPlace } from '../catalog/alert-watch.ts';
import type { AlertRule, BuiltInAlert } from '../catalog/alerts.ts';
import { HttpProblem } from '../http/problem.ts';
import { type AlertLimits, GivenAlert, readAlert } from './alerts/definition.ts';
import { Item, shapeBuiltIn, shapeRule } from './alerts/item.ts';
import { listKey, readCursor, writeCursor } from './cursor.ts';
import { checkName } from './definition.ts';
import type { QueryOptions } from './query.ts';
import { cursorParam, isoTime, LIMIT_DEFAULT, limitParam, nullable, pageOf } from './schemas.ts';
import { ask } from './store-problem.ts';

/** `/v1/alerts`: the built-in ones and people's own rules, with what they were found to be. */

export interface AlertOptions extends AlertLimits {
  readonly builtIns: readonly BuiltInAlert[];
}

export const RULES_MAX = 200;

const Params = Type.Object({ name: Type.String({ description: 'Of the alert; at most 100 characters.' }) });
const List = Type.Object({ data: Type.Array(Item) });
const Change = Type.Object({
  at: isoTime,
  name: Type.String(),
  app_id: nullable(Type.String()),
  was: Type.String({ description: 'ok, pending or firing' }),
  became: Type.String(),
  value: nullable(Type.Number()),
  threshold: nullable(Type.Number()),
  webhooks: Type.Object({
    delivered: Type.Integer(),
    waiting: Type.Integer(),
    given_up: Type.Integer(),
  }),
});
const History = pageOf(Change);
const HistoryQuery = Type.Object({
  alert: Type.Optional(
    Type.String({ description: 'The name of one. Default: all that the caller may see.' }),
  ),
  limit: limitParam,
  cursor: cursorParam,
});

type Options = Pick<QueryOptions, 'catalog'> & { readonly alerts: AlertOptions };

const PLAIN: AlertOptions = { builtIns: [], webhookFault: () => null };

export function addAlertRoutes(app: FastifyInstance, { catalog, alerts = PLAIN }: QueryOptions): void {
  const options = { catalog, alerts };
  addListRoute(app, options);
  addOneRoute(app, options);
  addPutRoute(app, options);
  addDeleteRoute(app, options);
  addHistoryRoute(app, options);
}

function addListRoute(app: FastifyInstance, { catalog, alerts }: Options): void {
  app.get(
    '/v1/alerts',
    {
      config: { scopes: ['read', 'admin'] },
      schema: {
        summary: 'Alerts',
        description:
          'The built-in ones, then the rules that the caller may see, by name; each with its state, last value and since when.',
        tags: ['Alerts'],
        response: { 200: List },
      },
    },
    async (request): Promise<Static<typeof List>> => {
      const rules = (await ask(catalog.alerts.list())).filter((rule) => isVisible(request, rule));
      const states = await readStates(catalog);
      return {
        data: [
          ...alerts.builtIns.map((alert) => shapeBuiltIn(alert, states.get(alert.name))),
          ...rules.map((rule) => shapeRule(rule, states.get(rule.name), isAdmin(request))),
        ],
      };
    },
  );
}

function addOneRoute(app: FastifyInstance, { catalog, alerts }: Options): void {
  app.get<{ Params: Static<typeof Params> }>(
    '/v1/alerts/:name',
    {
      config: { scopes: ['read', 'admin'] },
      schema: {
        summary: 'One alert',
        description: 'Its definition and its state.',
        tags: ['Alerts'],
        params: Params,
        response: { 200: Item },
      },
    },
    async (request): Promise<Static<typeof Item>> => {
      const { name } = request.params;
      const plain = request as FastifyRequest;
      const builtIn = alerts.builtIns.find((alert) => alert.name === name);
      const state = (await readStates(catalog)).get(name);
      if (builtIn !== undefined) return shapeBuiltIn(builtIn, state);
      const rule = await ask(catalog.alerts.get(name));
      if (rule === null || !isVisible(plain, rule)) throw notFound(name);
      return shapeRule(rule, state, isAdmin(plain));
    },
  );
}

function addPutRoute(app: FastifyInstance, { catalog, alerts }: Options): void {
  app.put<{ Params: Static<typeof Params> }>(
    '/v1/alerts/:name',
    {
      config: { scopes: ['admin'], body: GivenAlert },
      schema: {
        summary: 'Define an alert',
        description: 'Adds a rule, or replaces it as a whole. It is looked at within seconds.',
        tags: ['Alerts'],
        params: Params,
        response: { 200: Item },
      },
    },
    async (request): Promise<Static<typeof Item>> => {
      const name = checkName(request.params.name);
      checkIsNotBuiltIn(alerts, name);
      const definition = readAlert(name, request.body, alerts);
      const plain = request as FastifyRequest;
      checkMayChange(plain, definition.app_id);
      const before = await ask(catalog.alerts.get(name));
      if (before !== null) checkMayChange(plain, before.app_id);
      else if ((await ask(catalog.alerts.list())).length >= RULES_MAX) {
        throw new HttpProblem('conflict', `There are ${RULES_MAX} rules already. Delete one first.`);
      }
      const rule = await ask(catalog.alerts.put(name, definition));
      return shapeRule(rule, (await readStates(catalog)).get(name), true);
    },
  );
}

function addDeleteRoute(app: FastifyInstance, { catalog, alerts }: Options): void {
  app.delete<{ Params: Static<typeof Params> }>(
    '/v1/alerts/:name',
    {
      config: { scopes: ['admin'] },
      schema: {
        summary: 'Delete an alert',
        description: 'The rule. Who was told that it fires is told of the end; its history stays.',
        tags: ['Alerts'],
        params: Params,
        response: { 200: Type.Object({ deleted: Type.Boolean() }) },
      },
    },
    async (request) => {
      const { name } = request.params;
      const plain = request as FastifyRequest;
      checkIsNotBuiltIn(alerts, name);
      const rule = await ask(catalog.alerts.get(name));
      if (rule === null || !isVisible(plain, rule)) throw notFound(name);
      checkMayChange(plain, rule.app_id);
      if (!(await ask(catalog.alerts.delete(name)))) throw notFound(name);
      return { deleted: true };
    },
  );
}

function addHistoryRoute(app: FastifyInstance, { catalog, alerts }: Options): void {
  app.get<{ Querystring: Static<typeof HistoryQuery> }>(
    '/v1/alert-history',
    {
      config: { scopes: ['read', 'admin'] },
      schema: {
        summary: 'What alerts became',
        description: 'Every change of a state, the latest first: 200 of each alert, for 90 days.',
        tags: ['Alerts'],
        querystring: HistoryQuery,
        response: { 200: History },
      },
    },
    async (request): Promise<Static<typeof History>> => {
      const { alert = null, cursor, limit = LIMIT_DEFAULT } = request.query;
      const key = listKey(['alert-history', alert]);
      const place = readCursor(cursor, key, ['string', 'string']) as [string, string] | null;
      const builtIns = new Set(alerts.builtIns.map(({ name }) => name));
      const rows = [];
      // Page after page, until there are enough that the caller may see.
      let after: HistoryPlace | null = place === null ? null : { at: place[0], history_id: place[1] };
      for (;;) {
        const page = await ask(catalog.alertWatch.history({ limit: limit + 1, name: alert, after }));
        const seen = page.filter(
          (row) => builtIns.has(row.name) || isVisible(request as FastifyRequest, row),
        );
        rows.push(...seen);
        if (page.length <= limit || rows.length > limit) break;
        after = page.at(-1)!;
      }
      const last = rows[limit - 1];
      return {
        data: rows.slice(0, limit).map(({ history_id: _, ...change }) => change),
        next_cursor: rows.length > limit && last ? writeCursor(key, [last.at, last.history_id]) : null,
      };
    },
  );
}

async function readStates({ alertWatch }: QueryOptions['catalog']): Promise<Map<string, AlertState>> {
  return new Map((await ask(alertWatch.states())).map((state) => [state.name, state]));
}

const notFound = (name: string) =>
  new HttpProblem('not_found', `There is no alert ${JSON.stringify(name)}. GET /v1/alerts lists them.`);

/** Answers 409 `conflict` for a name that no rule may have. */
export function checkIsNotBuiltIn({ builtIns }: AlertOptions, name: string): void {
  if (!builtIns.some((alert) => alert.name === name)) return;
  throw new HttpProblem(
    'conflict',
    `${JSON.stringify(name)} is built in: its threshold is a setting, and it cannot be replaced or deleted. Choose another name.`,
  );
}

/** A number over all apps tells of each of them, so a rule of all is for those who may see all. */
function isVisible({ caller }: FastifyRequest, { app_id }: Pick<AlertRule, 'app_id'>): boolean {
  const allowed = caller?.apps ?? null;
  return allowed === null || (app_id !== null && allowed.includes(app_id));
}

const isAdmin = ({ caller }: FastifyRequest): boolean => caller?.scopes.includes('admin') ?? false;

function checkMayChange(request: FastifyRequest, app_id: string | null): void {
  if (isVisible(request, { app_id })) return;
  throw new HttpProblem(
    'app_forbidden',
    app_id === null
      ? 'The rule is of all apps, and the credential covers some. Give app_id, and a name that is not taken.'
      : 'The credential does not cover the app of the rule.',
  );
}
