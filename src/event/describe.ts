/** What others are told of the event: its schema for OpenAPI and its tables for the docs, derived from event.ts. */
import Type, { type TSchema } from 'typebox';
import { type EventField, eventFields, eventLimits, type FieldType, refusals } from './event.ts';

function describeType(type: FieldType): TSchema {
  const { nameCharsMax, idBytesMax } = eventLimits;
  if (type === 'name') return Type.String({ minLength: 1, maxLength: nameCharsMax });
  if (type === 'object') return Type.Object({}, { additionalProperties: true });
  if (type === 'instant') return Type.Union([Type.String({ format: 'date-time' }), Type.Number()]);
  // One character is one byte at least, so that the limit in bytes is a limit in characters too.
  return Type.Union([Type.String({ maxLength: idBytesMax }), Type.Number()]);
}

function describeField(field: EventField): TSchema {
  const also = field.aliases.map((alias) => `\`${alias}\``).join(', ');
  const description = `${field.rule}${also === '' ? '' : ` Also accepted: ${also}.`}`;
  const schema = describeType(field.type);
  return field.name === 'event_name'
    ? { ...schema, description }
    : { ...Type.Union([schema, Type.Null()]), description };
}

/** One event on the wire as JSON Schema: canonical names, further fields allowed (they become properties). */
export const eventSchema: TSchema = Type.Object(
  Object.fromEntries(
    eventFields.map((field) => {
      const schema = describeField(field);
      return [field.name, field.name === 'event_name' ? schema : Type.Optional(schema)];
    }),
  ),
  { $id: 'Event', additionalProperties: true, description: 'One event, canonical names.' },
);

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const typeWords: Record<FieldType, string> = {
  name: 'string',
  uuid: 'UUID, or any string or number',
  id: `string or number, at most ${eventLimits.idBytesMax} bytes`,
  instant: 'string or number',
  object: 'object',
};

/** The fields of an event as a Markdown table. */
export function eventFieldsMarkdown(): string {
  const rows = eventFields.map((field) => {
    const inProperties = field.inProperties.map((name) => `properties.${name}`);
    const also = [...field.aliases, ...inProperties].map((name) => `\`${name}\``);
    return [`\`${field.name}\``, typeWords[field.type], also.join(', '), field.rule];
  });
  return table(['field', 'type', 'also accepted', 'rule'], rows);
}

/** The reasons to refuse an event as a Markdown table. */
export function refusalsMarkdown(): string {
  return table(
    ['code', 'what to do'],
    Object.entries(refusals).map(([code, advice]) => [`\`${code}\``, advice]),
  );
}
