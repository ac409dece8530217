/**
 * The topics that the pipeline reads, as ANALYTICS_KAFKA_TOPICS lists them: `topic[=dialect[:app]]`, comma-separated.
 *
 * A dialect is how the records of a topic are written. `native` is what the kernel reads as it is: one JSON event, an
 * array or NDJSON, under any of the names in event.ts (seed 001's `octane.events` is that). A further dialect is a
 * further name here, and a step before the kernel that turns a record's value into native JSON.
 */

export const RECORD_DIALECTS = ['native'] as const;

export type RecordDialect = (typeof RECORD_DIALECTS)[number];

export interface TopicSource {
  readonly topic: string;
  readonly dialect: RecordDialect;
  /** Of records and events that name none; null: the default app. */
  readonly app: string | null;
}

const ITEM = /^(?<topic>[^=]+)(?:=(?<dialect>[^:]*)(?::(?<app>.*))?)?$/s;
/** As Kafka has it. */
const TOPIC_NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/;
const APP_BYTES_MAX = 256;

/** Reads the list; says of each item what is wrong with it, if anything. Empty: the one topic of `otherwise`. */
export function readTopicSources(
  items: readonly string[],
  otherwise: string,
): { sources: TopicSource[]; faults: string[] } {
  const sources: TopicSource[] = [];
  const faults: string[] = [];
  for (const item of items.length === 0 ? [otherwise] : items) {
    const { topic = '', dialect: said = '', app = '' } = ITEM.exec(item)?.groups ?? {};
    const dialect = said || 'native';
    if (!TOPIC_NAME.test(topic))
      faults.push(`'${item}' names no topic; it is topic, topic=dialect or topic=dialect:app.`);
    else if (!isDialect(dialect))
      faults.push(`'${item}': the dialect '${dialect}' is none of ${RECORD_DIALECTS.join(', ')}.`);
    else if (Buffer.byteLength(app) > APP_BYTES_MAX)
      faults.push(`'${item}': an app has at most ${APP_BYTES_MAX} bytes.`);
    else if (sources.some((source) => source.topic === topic)) faults.push(`'${topic}' is listed twice.`);
    else sources.push({ topic, dialect, app: app === '' ? null : app });
  }
  return { sources, faults };
}

function isDialect(name: string): name is RecordDialect {
  return (RECORD_DIALECTS as readonly string[]).includes(name);
}
