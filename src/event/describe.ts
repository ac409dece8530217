/** What others are told of the event: its schema for OpenAPI and its tables for the docs, derived from event.ts. */
import Type, { type TSchema } from 'typebox';
import { type EventField, eventFields, eventLimits, type FieldType, refusals } from './event.ts';

/** The types that a field may have, null apart. */
function describeTypes(type: FieldType): TSchema[] {
  const { nameCharsMax, idBytesMax } = eventLimits;
  if (type === 'name') return [Type.String({ minLength: 1, maxLength: nameCharsMax })];
  if (type === 'object') return [Type.Object({}, { additionalProperties: true })];
  if (type === 'instant') return [Type.String(), Type.Number()];
  // One character is one byte at least, so that the limit in bytes is a limit in characters too.
  return [Type.String({ maxLength: idBytesMax }), Type.Number()];
}

function describeField(field: EventField): TSchema {
  const also = field.aliases.map((alias) => `\`${alias}\``).join(', ');
  const description = `${field.rule} Also accepted: ${also}.`;
  const types = describeTypes(field.type);
  return field.name === 'event_name'
    ? Type.Union(types, { description })
    : Type.Optional(Type.Union([...types, Type.Null()], { description }));
}

/** One event on the wire as JSON Schema: canonical names, further fields allowed (they become properties). */
export const eventSchema: TSchema = Type.Object(
  Object.fromEntries(eventFields.map((field) => [field.name, describeField(field)])),
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
