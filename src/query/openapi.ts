import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify';
import type { Scope } from '../access/access.ts';
import { eventSchema } from '../event/describe.ts';
import { fixedOperations } from './fixed-operations.ts';

/**
 * `/openapi.json`: what the routes themselves declare, and by hand the few that do not run on Fastify. In: the routes, as
 * they are registered. Out: one OpenAPI 3.1 document.
 */

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Schema of a body that the route checks itself. */
    body?: object;
  }
}

export type JsonSchema = { readonly [key: string]: unknown };

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly required: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}

export interface Operation {
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> };
  readonly responses: Readonly<Record<string, JsonSchema>>;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  /** Any of these suffices; none: open to all. */
  readonly 'x-scopes'?: readonly Scope[];
}

export interface OpenApiDocument {
  readonly openapi: '3.1.0';
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: JsonSchema;
}

export interface RouteBook {
  /** Documents every route that is registered on this instance, or under it, from now on. */
  collect(app: FastifyInstance): void;
  document(version: string): OpenApiDocument;
}

const ANSWERED_WITH_PROBLEM = {
  description: 'A problem (RFC 9457); `code` tells which.',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};

export function createRouteBook(): RouteBook {
  const found: { path: string; method: string; operation: Operation }[] = [];

  function add(route: RouteOptions): void {
    const { schema } = route;
    if (schema?.summary === undefined) return;
    for (const method of [route.method].flat()) {
      if (method === 'HEAD' || method === 'OPTIONS') continue;
      const path = route.url.replace(/:(\w+)/g, '{$1}');
      found.push({ path, method: method.toLowerCase(), operation: describeRoute(route, schema) });
    }
  }

  return {
    collect: (app) => app.addHook('onRoute', add),
    document(version) {
      const paths: Record<string, Record<string, Operation>> = structuredClone(fixedOperations) as never;
      for (const { path, method, operation } of found) paths[path] = { ...paths[path], [method]: operation };
      return {
        openapi: '3.1.0',
        info: {
          title: 'Sluice',
          version,
          description: 'Event analytics for video platforms and the apps around them.',
        },
        paths: plain(paths),
        components: plain(components),
      };
    },
  };
}

/** As it travels: without what TypeBox hides in its schemas. */
function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

function describeRoute({ config }: RouteOptions, schema: FastifySchema): Operation {
  const { scopes, body = schema.body } = config ?? {};
  return {
    summary: schema.summary!,
    ...(schema.description !== undefined && { description: schema.description }),
    tags: (schema.tags ?? ['Others']).map((tag) => tag.charAt(0).toUpperCase() + tag.slice(1)),
    parameters: [...parametersOf(schema.params, 'path'), ...parametersOf(schema.querystring, 'query')],
    ...(body !== undefined && {
      requestBody: { content: { 'application/json': { schema: body as JsonSchema } } },
    }),
    responses: { ...responsesOf(schema.response), default: ANSWERED_WITH_PROBLEM },
    ...(scopes !== undefined && { security: [{ bearer: [] }, { key: [] }], 'x-scopes': scopes }),
  };
}

function parametersOf(schema: unknown, place: 'path' | 'query'): Parameter[] {
  const { properties = {}, required = [] } = (schema ?? {}) as {
    properties?: Record<string, JsonSchema>;
    required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(typeof description === 'string' && { description }),
    schema: rest,
  }));
}

function responsesOf(response: unknown): Record<string, JsonSchema> {
  const entries = Object.entries((response ?? {}) as Record<string, JsonSchema>);
  return Object.fromEntries(
    entries.map(([status, schema]) => [
      status,
      { description: 'OK', content: { 'application/json': { schema } } },
    ]),
  );
}

const components = {
  schemas: {
    Event: eventSchema,
    Problem: {
      type: 'object',
      required: ['type', 'title', 'status', 'detail', 'code', 'request_id'],
      properties: {
        type: { type: 'string', description: 'Where the problem is explained.' },
        title: { type: 'string' },
        status: { type: 'integer' },
        detail: { type: 'string', description: 'What happened, and what to do about it.' },
        code: { type: 'string', description: 'One of a closed list.' },
        request_id: { type: 'string' },
      },
    },
  },
  securitySchemes: {
    bearer: { type: 'http', scheme: 'bearer', description: 'A key, or a JWT.' },
    key: { type: 'apiKey', in: 'header', name: 'x-api-key' },
  },
};
