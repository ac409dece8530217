/** Requests made from what `/openapi.json` says of an operation: good ones, and good ones with something broken in them. */
import type { JsonSchema, Operation } from '../../src/query/openapi.ts';
import type { Random } from '../oracle/random.ts';

export interface FuzzOperation {
  /** `GET /v1/events` */
  readonly name: string;
  readonly method: string;
  /** With `{name}` where a value goes. */
  readonly path: string;
  readonly operation: Operation;
}

export interface FuzzRequest {
  readonly operation: FuzzOperation;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
  /** What was done to it. */
  readonly spoiled: string;
}

/** A value that the name of a parameter makes likely to be taken; schemas say `string` of many that want more. */
export type Pools = Readonly<Record<string, readonly unknown[]>>;

type Anything = Record<string, unknown>;

const DEPTH_MAX = 6;
const ODD_TEXTS = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud83d\ude00'.repeat(9),
  '\u202etxet',
  'İıſ',
  "'; DROP TABLE events; --",
  '\\',
  '%',
  '%00',
  '../../etc/passwd',
  '{name:String}',
  '`',
  '"',
  'null',
  'undefined',
  '[object Object]',
  '__proto__',
  'constructor',
  'NaN',
  '1e999',
  '-0',
  '0x10',
  'true',
  ',',
  ',,,',
  'properties.',
  'properties.a.b.c',
  'properties.__proto__',
  '\n\r\t',
  '0001-01-01',
  '9999-12-31T23:59:59.999Z',
  '+275760-09-13T00:00:00.000Z',
  '1969-12-31',
  '2026-02-30',
  '2026-13-01T00:00:00Z',
  '2026-01-01T00:00:00+99:99',
  'Etc/Nowhere',
  '+23:59',
  '-12:00',
];
const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e308,
  -1e308,
  Number.MAX_SAFE_INTEGER,
  2 ** 53,
  2 ** 64,
  '',
  'x',
  [],
  {},
  [null],
  [[[]]],
  { a: { b: [] } },
  { constructor: 1 },
];

/** A request that is good by the schemas, or `spoiled` by one of the ways of this file. */
export function makeRequest(
  random: Random,
  operation: FuzzOperation,
  pools: Pools,
  doc: Anything,
): FuzzRequest {
  const maker = new Maker(random, pools, doc);
  return maker.request(operation);
}

class Maker {
  readonly #random: Random;
  readonly #pools: Pools;
  readonly #doc: Anything;
  #spoiled: string[] = [];

  constructor(random: Random, pools: Pools, doc: Anything) {
    this.#random = random;
    this.#pools = pools;
    this.#doc = doc;
  }

  request(operation: FuzzOperation): FuzzRequest {
    const random = this.#random;
    const { parameters = [], requestBody } = operation.operation;
    const spoilsQuery = random.chance(0.5);
    const spoilsPath = random.chance(0.15);
    let path = operation.path.replace(/\{(\w+)\}/g, (_all, name: string) => {
      const schema = parameters.find((parameter) => parameter.name === name)?.schema ?? { type: 'string' };
      return spoilsPath ? this.#oddPathPart() : encodeURIComponent(String(this.value(schema, name)));
    });
    const query = this.#query(
      parameters.filter((parameter) => parameter.in === 'query'),
      spoilsQuery,
    );
    if (query.length > 0) path += `?${query.join('&')}`;
    const headers: Record<string, string> = {};
    let body: Buffer | null = null;
    if (requestBody !== undefined) body = this.#body(requestBody.content, headers);
    else if (random.chance(0.1)) {
      // Some send a body where none is wanted.
      this.#spoiled.push('a body that nobody wants');
      body = Buffer.from(random.pick(['{}', '{', 'x', '']));
      headers['content-type'] = random.pick(['application/json', 'text/plain', 'nonsense']);
    }
    return { operation, path, headers, body, spoiled: this.#spoiled.join(', ') || 'nothing' };
  }

  #oddPathPart(): string {
    this.#spoiled.push('path');
    const { pick } = this.#random;
    return pick([
      () => encodeURIComponent(pick(ODD_TEXTS)) || '%20',
      () => 'x'.repeat(pick([257, 1025, 5000])),
      () => pick(['%', '%zz', '%ff', '%c3%28', '%00', '..', '.', ';', '%2f', '*']),
    ])();
  }

  #query(parameters: NonNullable<Operation['parameters']>, spoils: boolean): string[] {
    const random = this.#random;
    const pairs: string[] = [];
    const add = (name: string, value: unknown) => pairs.push(`${name}=${encodeURIComponent(String(value))}`);
    for (const { name, schema, required } of parameters) {
      if (!required && random.chance(0.65)) continue;
      const value = this.value(schema, name);
      for (const one of Array.isArray(value) ? value : [value]) add(name, one);
    }
    if (!spoils) return pairs;
    const target = parameters.length === 0 ? null : random.pick(parameters);
    const way = random.pick(['odd', 'huge', 'repeated', 'unknown', 'raw', 'bounds', 'missing', 'brackets']);
    this.#spoiled.push(`query: ${way}${target === null ? '' : ` ${target.name}`}`);
    const name = target?.name ?? 'unknown';
    if (way === 'odd') add(name, random.pick(ODD_TEXTS));
    else if (way === 'huge') add(name, 'y'.repeat(random.pick([300, 2_000, 9_000, 20_000])));
    else if (way === 'repeated')
      for (let i = 0; i < random.pick([2, 3, 60]); i++) add(name, random.pick(ODD_TEXTS));
    else if (way === 'unknown')
      add(random.pick(['nonsense', '__proto__', 'constructor', 'limit[]', '']), 'x');
    else if (way === 'raw')
      pairs.push(random.pick(['%', '%zz=%zz', '=', '&&', `${name}=%ff%fe`, `${name}`, `${name}=%`]));
    else if (way === 'bounds') add(name, random.pick(boundsOf(target?.schema ?? {})));
    else if (way === 'brackets') add(`${name}[a][b]`, 'x');
    else return pairs.filter((pair) => !pair.startsWith(`${name}=`));
    return random.chance(0.5) ? pairs : pairs.toReversed();
  }

  #body(
    content: Readonly<Record<string, { readonly schema: JsonSchema }>>,
    headers: Record<string, string>,
  ): Buffer {
    const random = this.#random;
    const [type, { schema }] = random.pick(Object.entries(content));
    headers['content-type'] = type;
    let value = type === 'application/json' ? this.value(schema, 'body') : null;
    const way = random.pick([
      'good',
      'good',
      'good',
      'odd',
      'odd',
      'odd',
      'odd',
      'cut',
      'type',
      'bytes',
      'huge',
      'encoding',
    ]);
    if (way === 'odd') {
      value = this.#spoilValue(value);
      if (random.chance(0.3)) value = this.#spoilValue(value);
    }
    const text = type === 'application/json' ? JSON.stringify(value) : this.#lines();
    let bytes: Buffer = Buffer.from(text ?? '');
    if (way !== 'good') this.#spoiled.push(`body: ${way}`);
    if (way === 'cut') bytes = bytes.subarray(0, random.below(bytes.length + 1));
    if (way === 'type')
      headers['content-type'] = random.pick([
        'text/plain',
        'application/xml',
        'nonsense',
        'application/json; charset=latin1',
        'multipart/form-data',
        'application/x-www-form-urlencoded',
      ]);
    if (way === 'bytes') bytes = spoilBytes(random, bytes);
    if (way === 'huge')
      bytes = Buffer.from(
        random.pick([
          `${'['.repeat(20_000)}`,
          `${'['.repeat(5_000)}${']'.repeat(5_000)}`,
          `{"a":"${'z'.repeat(2_000_000)}"}`,
          ' '.repeat(100_000),
          `[${'{},'.repeat(2_000)}{}]`,
        ]),
      );
    if (way === 'encoding')
      headers['content-encoding'] = random.pick(['gzip', 'br', 'zstd', 'nonsense', 'gzip, gzip', 'deflate']);
    return bytes;
  }

  #lines(): string {
    const lines = [
      { event_name: 'seek' },
      { event_name: 7 },
      'x',
      null,
      { event_name: 'search', properties: { q: 'é' } },
    ];
    return Array.from({ length: this.#random.below(5) }, () => JSON.stringify(this.#random.pick(lines))).join(
      '\n',
    );
  }

  /** The value with one place of it changed. */
  #spoilValue(value: unknown): unknown {
    const random = this.#random;
    if (random.chance(0.25) || value === null || typeof value !== 'object') {
      if (random.chance(0.3)) return random.pick(ODD_TEXTS);
      return random.pick(ODD_VALUES);
    }
    if (Array.isArray(value)) {
      if (value.length === 0 || random.chance(0.2))
        return [...value, ...Array.from({ length: random.pick([1, 30, 1_100]) }, () => value[0] ?? null)];
      const at = random.below(value.length);
      return value.with(at, this.#spoilValue(value[at]));
    }
    const names = Object.keys(value);
    if (names.length === 0 || random.chance(0.15))
      return { ...value, [random.pick(['nonsense', 'constructor', '', 'é'])]: random.pick(ODD_VALUES) };
    const name = random.pick(names);
    const { [name]: old, ...rest } = value as Anything;
    return random.chance(0.25) ? rest : { ...rest, [name]: this.#spoilValue(old) };
  }

  /** A value that the schema takes, or that its bounds just take. */
  value(given: JsonSchema, name: string, depth = 0): unknown {
    const random = this.#random;
    const schema = this.#resolve(given) as Anything;
    const pool = this.#pools[name];
    if (pool !== undefined && random.chance(0.9)) {
      const one = random.pick(pool);
      return schema.type === 'array' && !Array.isArray(one) ? [one] : one;
    }
    for (const key of ['anyOf', 'oneOf'] as const)
      if (Array.isArray(schema[key]))
        return this.value(random.pick(schema[key] as JsonSchema[]), name, depth);
    if ('const' in schema) return schema.const;
    if (Array.isArray(schema.enum)) return random.pick(schema.enum);
    const type = Array.isArray(schema.type) ? random.pick(schema.type as string[]) : schema.type;
    switch (type) {
      case 'null':
        return null;
      case 'boolean':
        return random.chance(0.5);
      case 'integer':
        return Math.trunc(this.#number(schema));
      case 'number':
        return this.#number(schema);
      case 'array':
        return this.#array(schema, name, depth);
      case 'object':
        return this.#object(schema, depth);
      case 'string':
        return this.#text(schema);
      default:
        return random.pick(ODD_VALUES);
    }
  }

  #resolve(schema: JsonSchema): JsonSchema {
    if (typeof schema.$ref !== 'string') return schema;
    let found: unknown = this.#doc;
    for (const part of schema.$ref.slice(2).split('/')) found = (found as Anything)[part];
    return found as JsonSchema;
  }

  #number({ minimum = -1e6, maximum = 1e9, exclusiveMinimum }: Anything): number {
    const low = Math.max(minimum as number, (exclusiveMinimum as number | undefined) ?? -Infinity);
    const high = maximum as number;
    const inside = low + this.#random.next() * Math.min(high - low, 1_000);
    return this.#random.pick([exclusiveMinimum === undefined ? low : inside, high, inside]);
  }

  #array({ items, minItems = 0, maxItems = 5 }: Anything, name: string, depth: number): unknown[] {
    const least = minItems as number;
    const most = depth > DEPTH_MAX ? least : Math.min(maxItems as number, least + 3);
    const length = least + this.#random.below(most - least + 1);
    return Array.from({ length }, () => this.value((items ?? {}) as JsonSchema, name, depth + 1));
  }

  #object({ properties = {}, required = [] }: Anything, depth: number): Anything {
    const made: Anything = {};
    for (const [name, schema] of Object.entries(properties as Record<string, JsonSchema>)) {
      const wanted = (required as string[]).includes(name);
      if (!wanted && (depth > DEPTH_MAX || this.#random.chance(0.6))) continue;
      made[name] = this.value(schema, name, depth + 1);
    }
    return made;
  }

  #text({ format, minLength = 0, maxLength = 60 }: Anything): string {
    if (format === 'uuid') return this.#random.pick(this.#pools.uuid as readonly string[]);
    if (format === 'date-time') return '2026-03-01T10:00:00.000Z';
    if (this.#random.chance(0.4))
      return this.#random
        .pick(ODD_TEXTS)
        .slice(0, maxLength as number)
        .padEnd(minLength as number, 'a');
    return 'w'.repeat(
      this.#random.pick([Math.max(1, minLength as number), Math.min(maxLength as number, 3_000)]),
    );
  }
}

function spoilBytes(random: Random, bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes.length === 0 ? '{}' : bytes);
  for (let i = 0; i < 1 + random.below(4); i++) copy[random.below(copy.length)] = random.below(256);
  return copy;
}

/** Beside the bounds that a schema gives. */
function boundsOf({ minimum, maximum, maxLength, enum: choices }: JsonSchema): readonly unknown[] {
  const found: unknown[] = ['-1', '0', '1e3', '99999999999999999999'];
  if (typeof minimum === 'number') found.push(minimum - 1, minimum);
  if (typeof maximum === 'number') found.push(maximum, maximum + 1);
  if (typeof maxLength === 'number') found.push('z'.repeat(maxLength), 'z'.repeat(maxLength + 1));
  if (Array.isArray(choices)) found.push(...choices.map((choice) => String(choice).toUpperCase()));
  return found;
}
