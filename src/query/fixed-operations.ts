import type { Operation } from './openapi.ts';

/** The operations that are served outside Fastify, or are too plain to declare a schema: described by hand. */

const event = { $ref: '#/components/schemas/Event' };
const problem = {
  description: 'A problem (RFC 9457); `code` tells which.',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};
const json = (description: string, properties: Record<string, unknown>) => ({
  description,
  content: { 'application/json': { schema: { type: 'object', properties } } },
});
const uuid = { type: 'string', format: 'uuid' };
const count = { type: 'integer', minimum: 0 };

const verdicts = {
  type: 'array',
  items: {
    type: 'object',
    properties: {
      index: count,
      code: { type: 'string' },
      reason: { type: 'string' },
      event_id: { type: 'string' },
    },
  },
};
const taken = json('The events are durable.', { accepted: count, rejected: count, results: verdicts });
const one = json('The event is durable.', { accepted: count, rejected: count, event_id: uuid });
const batch = {
  content: {
    'application/json': {
      schema: {
        anyOf: [
          { type: 'array', items: event },
          { type: 'object', required: ['events'], properties: { events: { type: 'array', items: event } } },
        ],
      },
    },
    'application/x-ndjson': { schema: { type: 'string', description: 'One event a line.' } },
  },
};
const single = { content: { 'application/json': { schema: event } } };

const ingest = (
  summary: string,
  more: Pick<Operation, 'requestBody' | 'responses'> & { description: string },
): Operation => ({
  summary,
  tags: ['Ingest'],
  security: [{}, { bearer: [] }, { key: [] }],
  'x-scopes': ['ingest'],
  ...more,
  responses: { ...more.responses, default: problem },
});

const state = json('As it is now.', { status: { type: 'string' } });

export const fixedOperations: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  '/events': {
    post: ingest('Send events', {
      description:
        'An array, {"events": […]}, or NDJSON, plain or compressed. 202 means durable. A bad event does not harm those beside it: `results` names it.',
      requestBody: batch,
      responses: { 202: taken },
    }),
  },
  '/api/events': {
    post: ingest('Send one event', {
      description: 'Answers the id under which the event is stored.',
      requestBody: single,
      responses: { 202: json('The event is durable.', { event_id: uuid }) },
    }),
  },
  '/v1/ingest/event': {
    post: ingest('Track an event', {
      description: 'One event, with its name.',
      requestBody: single,
      responses: { 202: one },
    }),
  },
  '/v1/ingest/session': {
    post: ingest('Start a session', {
      description: 'One event; without a name it is `session_start`.',
      requestBody: single,
      responses: { 202: one },
    }),
  },
  '/v1/ingest/pageview': {
    post: ingest('Track a page view', {
      description: 'One event; without a name it is `page_view`.',
      requestBody: single,
      responses: { 202: one },
    }),
  },
  '/v1/ingest/batch': {
    post: ingest('Send a batch', {
      description: 'Takes what `/events` takes.',
      requestBody: batch,
      responses: { 202: taken },
    }),
  },
  '/health': {
    get: {
      summary: 'How the parts are',
      description: '200 while events can be taken, else 503; each part with its state and reason.',
      tags: ['Operation'],
      responses: { 200: state, 503: state },
    },
  },
  '/api/metrics/health': {
    get: {
      summary: 'The same as /health',
      description: 'The name that it has in clients of old.',
      tags: ['Operation'],
      responses: { 200: state, 503: state },
    },
  },
  '/ready': {
    get: {
      summary: 'Whether every role serves',
      description: '503 until then, with what is waited for.',
      tags: ['Operation'],
      responses: { 200: state, 503: state },
    },
  },
};
