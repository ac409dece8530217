import { quoted } from './quoted.ts';

/** Of one parameter: a server takes 128 KiB. */
const VALUE_BYTES = 120 * 1024;

/**
 * The values of one statement. Each travels beside the SQL as a parameter, so that no value can ever be SQL; the text
 * holds only its place, `{v1:String}`. A place may be used several times.
 */
export class SqlValues {
  readonly params: Record<string, unknown> = {};
  #count = 0;

  /** `type` is a ClickHouse type of ours, never a caller's word. */
  add(type: string, value: unknown): string {
    const name = `v${++this.#count}`;
    this.params[name] = value;
    return `{${name}:${type}}`;
  }

  text(value: string): string {
    return this.add('String', value);
  }

  texts(values: readonly string[]): string {
    return this.list('String', values);
  }

  /** An array of any length. `type` is that of its elements. */
  list(type: string, values: readonly (string | number | bigint)[]): string {
    const parts: (string | number | bigint)[][] = [[]];
    let bytes = 0;
    for (const value of values) {
      // Quotes and a comma, and each byte may need an escape.
      const size = typeof value === 'string' ? 2 * Buffer.byteLength(value) + 3 : String(value).length + 1;
      if (bytes + size > VALUE_BYTES) {
        parts.push([]);
        bytes = 0;
      }
      parts.at(-1)!.push(value);
      bytes += size;
    }
    const places = parts.map((part) => this.add(`Array(${type})`, part));
    return places.length === 1 ? places[0]! : `arrayConcat(${places.join(', ')})`;
  }

  /** A moment in epoch ms, as DateTime64(3). */
  instant(ms: number): string {
    return `fromUnixTimestamp64Milli(${this.add('Int64', ms)}, 'UTC')`;
  }

  /** A moment in whole epoch seconds, as DateTime. */
  second(seconds: number): string {
    return `toDateTime(${this.add('UInt32', seconds)}, 'UTC')`;
  }
}

/** For SQL that is kept, such as a view's: the values stand in it as literals. */
export class SqlLiterals extends SqlValues {
  override add(type: string, value: unknown): string {
    return `CAST(${literal(value)}, ${quoted(type)})`;
  }
}

function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  throw new TypeError(`a ${typeof value} is no literal`);
}

/** Condition on `app_id`. Null: every app; []: none. */
export function appsSql(values: SqlValues, apps: readonly string[] | null): string {
  if (apps === null) return '1';
  return apps.length === 0 ? '0' : `app_id IN ${values.texts(apps)}`;
}
