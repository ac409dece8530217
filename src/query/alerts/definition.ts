import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { type AlertDefinition, COMPARISONS } from '../../catalog/alerts.ts';
import { METRICS } from '../../store/sql/metric-measures.ts';
import { checkSameName, closed, findFault, givenFilters, or, readStored, refuse } from '../definition.ts';
import { nullable } from '../schemas.ts';

/** What a rule of an alert looks like, how it is read, and what of it is refused. */

export interface AlertLimits {
  /** Null when webhooks can be signed and reach this host; else why not, in a sentence that says what to do. */
  readonly webhookFault: (url: URL) => string | null;
}

const WINDOW_SECONDS_DEFAULT = 300;
const WINDOW_SECONDS_MAX = 31 * 86_400;
const FOR_SECONDS_MAX = 86_400;
const URL_CHARS_MAX = 2_000;
const DEFINITION_BYTES_MAX = 16 * 1024;

export const GivenAlert = Type.Object(
  {
    title: or(Type.String({ maxLength: 200 })),
    app_id: or(
      Type.String({ minLength: 1, maxLength: 256, description: 'The app it is about. Default: all apps.' }),
    ),
    metric: Type.Enum([...METRICS], { description: 'One of `GET /metrics`.' }),
    filters: givenFilters,
    bots: or(Type.Boolean({ description: 'Count bots too. Default: false.' })),
    window_seconds: or(
      Type.Integer({
        minimum: 60,
        maximum: WINDOW_SECONDS_MAX,
        description: `The metric is asked of so long up to now. Default: ${WINDOW_SECONDS_DEFAULT}.`,
      }),
    ),
    comparison: Type.Enum([...COMPARISONS], { description: COMPARISONS.join(' ') }),
    threshold: Type.Number(),
    for_seconds: or(
      Type.Integer({
        minimum: 0,
        maximum: FOR_SECONDS_MAX,
        description: 'It fires when that holds for so long. Default: 0, at once.',
      }),
    ),
    webhook_url: or(
      Type.String({ maxLength: URL_CHARS_MAX, description: 'Who is told when it fires, and when it ends.' }),
    ),
    enabled: or(Type.Boolean({ description: 'Default: true.' })),
    // What a GET gave may be sent back as it is.
    name: Type.Optional(Type.String()),
    kind: Type.Optional(Type.Literal('rule')),
    state: Type.Optional(Type.String()),
    since: Type.Optional(nullable(Type.String())),
    value: Type.Optional(nullable(Type.Number())),
    evaluation: Type.Optional(Type.String()),
    evaluated_at: Type.Optional(nullable(Type.String())),
    failure: Type.Optional(nullable(Type.String())),
    created_at: Type.Optional(nullable(Type.String())),
    updated_at: Type.Optional(nullable(Type.String())),
  },
  closed,
);

/** The definition, complete. Answers 400 `invalid_request` that names the field. */
export function readAlert(name: string, body: unknown, limits: AlertLimits): AlertDefinition {
  if (!Value.Check(GivenAlert, body)) {
    throw refuse(
      findFault(GivenAlert, body, 'The body is one JSON object with metric, comparison and threshold.'),
    );
  }
  checkSameName(name, body.name);
  const definition = complete(body);
  const text = JSON.stringify(definition);
  if (Buffer.byteLength(text) > DEFINITION_BYTES_MAX) {
    throw refuse(
      `The rule has more than ${DEFINITION_BYTES_MAX} bytes of JSON. Use fewer or shorter values.`,
    );
  }
  if (text.includes('\\u0000')) throw refuse('A text of the rule holds U+0000.');
  readStored(definition.filters);
  checkUrl(definition.webhook_url, limits);
  return definition;
}

function complete(given: Static<typeof GivenAlert>): AlertDefinition {
  return {
    title: given.title ?? null,
    app_id: given.app_id ?? null,
    metric: given.metric,
    filters: (given.filters ?? []).map(({ field, op, value }) => ({ field, op, value })),
    bots: given.bots ?? false,
    window_seconds: given.window_seconds ?? WINDOW_SECONDS_DEFAULT,
    comparison: given.comparison,
    threshold: given.threshold,
    for_seconds: given.for_seconds ?? 0,
    webhook_url: given.webhook_url ?? null,
    enabled: given.enabled ?? true,
  };
}

function checkUrl(text: string | null, { webhookFault }: AlertLimits): void {
  if (text === null) return;
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw refuse('webhook_url: give an http or https URL, such as https://example.com/hook.');
  }
  if (url.username !== '' || url.password !== '') {
    throw refuse('webhook_url: leave user and password out; requests are signed.');
  }
  const fault = webhookFault(url);
  if (fault !== null) throw refuse(`webhook_url: ${fault}`);
}
