/**
 * Random bodies for the kernel's tests: written as text, not by JSON.stringify, so that they hold what clients send
 * and what they should not: aliases, escapes, odd numbers, doubles, strangers, and broken bytes.
 */
import { eventFields, eventKinds, eventLimits } from '../../src/event/event.ts';
import type { Random } from './random.ts';

export const testNow = Date.UTC(2026, 10, 23, 2, 13, 20, 123);

const words = [
  'a',
  'user_1',
  'Grüße',
  '日本語',
  '😀',
  'x'.repeat(15),
  'y'.repeat(16),
  'z'.repeat(17),
  '/p/1?q=2',
  ' ',
];
const oddNumbers = [
  '-0',
  '0',
  '1e3',
  '1E+2',
  '-1.5e-3',
  '1e999',
  '12345678901234567890',
  '0.1',
  '596.4733329999999',
];
const contextKeys = [
  'user_agent',
  'userAgent',
  'device',
  'os',
  'browser',
  'country',
  'location',
  'referrer',
  'page',
];
const moreContextKeys = [
  'campaign',
  'url',
  'path',
  'utm_source',
  'utm_medium',
  'utm_campaign',
  'utm_term',
  'ip',
  'zz',
];
const nestedKeys = [
  'url',
  'path',
  'referrer',
  'type',
  'name',
  'country',
  'source',
  'medium',
  'term',
  'content',
  'title',
];
const propertyKeys = [
  'watch_ms',
  'duration_ms',
  'duration',
  'bitrate',
  'bitrate_kbps',
  'completed',
  'instant_skip',
];
const morePropertyKeys = [
  'fatal',
  'video_id',
  'view_id',
  'stream_id',
  'url',
  'page',
  'path',
  'device_type',
  'browser',
];
const topNames = eventFields.flatMap((field) => [field.name, ...field.aliases]);

/** Writes one event after the other. `wildness` is the share of choices that are out of the ordinary. */
export class EventWriter {
  readonly random: Random;
  wildness: number;
  readonly #nearLimits: boolean;

  /** With `nearLimits` objects are now and then about as large as they may be. */
  constructor(random: Random, wildness: number, nearLimits = true) {
    this.random = random;
    this.wildness = wildness;
    this.#nearLimits = nearLimits;
  }

  get #wild(): boolean {
    return this.random.chance(this.wildness);
  }

  #space(): string {
    return this.#wild ? this.random.pick(['', ' ', '\n', '\r\n', '\t', '  ']) : '';
  }

  /** A JSON string; wild ones hold escapes that need not be. */
  string(text: string): string {
    const json = JSON.stringify(text);
    if (!this.#wild) return json;
    const escaped = [...text].map((c) =>
      this.random.chance(0.4) && c.length === 1
        ? `\\u${c
            .charCodeAt(0)
            .toString(16)
            .padStart(4, this.random.pick(['0', '0']))}`
        : JSON.stringify(c).slice(1, -1),
    );
    const extra = this.random.pick([
      '',
      '',
      '\\n',
      '\\/',
      '\\ud83d\\ude00',
      '\\ud800',
      '\\udc00x',
      '\\uD800\\uD83d\\uDe00',
    ]);
    return `"${escaped.join('')}${extra}"`;
  }

  text(): string {
    const { random } = this;
    if (this.#wild)
      return random.pick(['', 'x'.repeat(random.int(400)), 'é'.repeat(random.int(200)), '\u0000', '"\\']);
    return random.many(2, () => random.pick(words)).join('') || 'w';
  }

  number(): string {
    const { random } = this;
    if (this.#wild) return random.pick(oddNumbers);
    if (random.chance(0.5)) return String(random.int(10 ** random.int(12)));
    return String(random.next() * 10 ** random.int(9));
  }

  value(depth = 0): string {
    const { random } = this;
    const kind = random.int(depth > 3 && !random.chance(this.wildness * 5) ? 6 : 9);
    if (kind < 2) return this.string(this.text());
    if (kind < 4) return this.number();
    if (kind < 6) return random.pick(['true', 'false', 'null']);
    if (kind < 7)
      return `[${this.#space()}${random.many(3, () => this.value(depth + 1)).join(`,${this.#space()}`)}]`;
    return this.object(random.many(3, () => [random.pick([...nestedKeys, 'k']), this.value(depth + 1)]));
  }

  object(members: readonly (readonly [string, string])[]): string {
    const parts = members.map(
      ([key, value]) =>
        `${this.#space()}${this.string(key)}${this.#space()}:${this.#space()}${value}${this.#space()}`,
    );
    return `{${parts.join(',')}${parts.length === 0 ? this.#space() : ''}}`;
  }

  timestamp(): string {
    const { random } = this;
    const at = testNow - random.int(random.chance(0.03) ? 40 * 86_400_000 : 3_600_000);
    const iso = new Date(at).toISOString();
    if (!this.#wild)
      return random.pick([`"${iso}"`, `"${iso.slice(0, 19)}Z"`, `"${iso.slice(0, 23)}+02:00"`, `${at}`]);
    const forms = [
      `${Math.floor(at / 1000)}`,
      `${at * 1000}`,
      `${at / 1000}`,
      `"${at}"`,
      `"${iso.slice(0, 10)}"`,
    ];
    const more = [
      `"${iso.slice(0, 23)}"`,
      `"${iso.slice(0, 19)}.123456789-05:30"`,
      '"2026-02-29T00:00:00Z"',
      '"no"',
    ];
    const bad = [
      'null',
      'true',
      '-5',
      '1e12',
      '"2026-11-31T00:00:00Z"',
      '"1999-12-31T23:59:59Z"',
      '"2026-11-23T24:00:00Z"',
    ];
    return random.pick([
      ...forms,
      ...more,
      ...bad,
      `${at + 90_000_000}`,
      `"2026-11-22t10:00:00z"`,
      '99999999999999999',
    ]);
  }

  uuid(): string {
    const hex = Array.from({ length: 32 }, () => this.random.int(16).toString(16)).join('');
    const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
    if (this.random.chance(0.03)) {
      const at = this.random.int(36);
      return this.string(id.slice(0, at) + this.random.pick(['-', 'g', '0', '\n', '']) + id.slice(at + 1));
    }
    if (!this.#wild) return `"${id}"`;
    return this.random.pick([
      `"${id.toUpperCase()}"`,
      `"${hex}"`,
      this.string(id),
      '"not-a-uuid"',
      '12',
      'null',
      '""',
      '[]',
    ]);
  }

  id(): string {
    const { random } = this;
    if (!this.#wild) return this.string(`${random.pick(['u_', 'id-', ''])}${random.int(1000)}`);
    return random.pick([
      this.value(),
      this.string(this.text()),
      '""',
      'null',
      this.number(),
      `"${'i'.repeat(250 + random.int(12))}"`,
    ]);
  }

  properties(): string {
    const { random } = this;
    if (this.#wild && random.chance(0.2)) return this.value();
    if (this.#nearLimits && random.chance(0.02)) return this.large();
    const keys = [...propertyKeys, ...morePropertyKeys, 'quality', 'position', 'k', 'title'];
    const members = pickSome(random, keys, 8).map((key) => [key, this.#propertyValue(key)] as const);
    if (this.#wild) members.push([random.pick(keys), this.value()]);
    return this.object(members);
  }

  #propertyValue(key: string): string {
    if (this.#wild) return this.value();
    if (key.endsWith('_ms') || key.startsWith('bitrate') || key === 'duration') return this.number();
    if (['completed', 'instant_skip', 'fatal'].includes(key)) return this.random.pick(['true', 'false']);
    return key === 'position' ? this.number() : this.string(this.text());
  }

  /** Near the limits of bytes, depth and keys, or half way there. */
  large(): string {
    const { random } = this;
    const kind = random.int(3);
    const near = (limit: number) => (random.chance(0.3) ? limit >> 1 : limit) - random.int(12) + 2;
    if (kind === 0) return `{"long":"${'l'.repeat(near(eventLimits.objectBytesMax - 11))}"}`;
    if (kind === 1) {
      const keys = near(eventLimits.objectKeysMax);
      return `{${Array.from({ length: keys }, (_, i) => `"k${i}":${i}`).join(',')}}`;
    }
    const depth = Math.max(0, near(eventLimits.objectDepthMax));
    return `{"deep":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  }

  context(): string {
    const { random } = this;
    if (this.#wild && random.chance(0.2)) return this.value();
    if (this.#nearLimits && random.chance(0.02)) return this.large();
    const members = pickSome(random, [...contextKeys, ...moreContextKeys], 6).map((key) => {
      const nested =
        ['page', 'campaign', 'device', 'os', 'browser', 'location'].includes(key) && random.chance(0.6);
      if (!nested) return [key, this.#wild ? this.value() : this.string(this.text())] as const;
      const inside = pickSome(random, nestedKeys, 4).map(
        (name) => [name, this.#wild ? this.value() : this.string(this.text())] as const,
      );
      return [key, this.object(inside)] as const;
    });
    if (this.#wild)
      members.push([
        random.pick([...contextKeys, 'user_agent', 'ip']),
        this.string('u'.repeat(2040 + random.int(16))),
      ]);
    return this.object(members);
  }

  fieldValue(name: string): string {
    const field = eventFields.find(
      (f) => f.name === name || (f.aliases as readonly string[]).includes(name),
    )!;
    if (field.type === 'uuid') return this.uuid();
    if (field.type === 'id') return this.id();
    if (field.type === 'instant') return this.timestamp();
    if (field.type === 'object') return field.name === 'properties' ? this.properties() : this.context();
    if (this.#wild)
      return this.random.pick([
        this.value(),
        '""',
        'null',
        this.string('n'.repeat(195 + this.random.int(10))),
        '"ñ"',
      ]);
    return this.random.chance(0.7)
      ? `"${this.random.pick(Object.keys(eventKinds))}"`
      : this.string(this.text());
  }

  event(): string {
    const { random } = this;
    if (this.#wild && random.chance(0.1)) return this.value();
    const members: [string, string][] = [];
    for (const field of eventFields) {
      if (field.name !== 'event_name' && random.chance(field.name === 'sent_at' ? 0.8 : 0.3)) continue;
      const name = random.chance(0.6) ? field.name : random.pick([field.name, ...field.aliases]);
      members.push([name, this.fieldValue(name)]);
    }
    if (this.#wild) members.push([random.pick(topNames), this.fieldValue(random.pick(topNames))]);
    if (random.chance(0.2)) members.push(...this.strangers());
    if (this.#wild) members.splice(random.int(members.length), 1);
    if (random.chance(0.3)) members.reverse();
    return this.object(members);
  }

  /** Top-level members that are no field; wild ones are among those of properties, or near its limits. */
  strangers(): [string, string][] {
    const { random } = this;
    const keys = [...propertyKeys, 'foo', 'title', 'position', 'k', 'k7', 'long', 'deep', 'events'];
    return random.many(3, () => {
      const value = this.#nearLimits && random.chance(0.05) ? this.large() : this.value();
      return [this.#wild ? random.pick(keys) : `stranger_${random.int(1000)}`, value];
    });
  }

  /** The events of one body, in one of its forms. */
  body(events: readonly string[]): string {
    const { random } = this;
    const form = random.int(6);
    if (form === 0 && events.length > 0) return events[0]!;
    if (form === 1)
      return `${this.#space()}[${events.join(`${this.#space()},${this.#space()}`)}]${this.#space()}`;
    if (form === 2) {
      const sentAt = random.chance(0.6)
        ? [[random.pick(['sent_at', 'sentAt']), this.timestamp()] as const]
        : [];
      const members = [...sentAt, ['events', `[${events.join(',')}]`] as const];
      if (random.chance(0.5)) members.reverse();
      if (random.chance(0.2)) {
        const value = random.chance(0.5) ? this.timestamp() : this.value();
        members.push([random.pick(['name', 'api_key', 'sent_at', 'sentAt']), value]);
      }
      return this.object(members);
    }
    if (form === 3) return events.join(random.pick(['', ' ', '\n\n']));
    const lines = events.map((line) => (this.#wild ? this.broken(line) : line.replace(/[\r\n]/g, ' ')));
    return lines.join(random.pick(['\n', '\r\n'])) + random.pick(['', '\n']);
  }

  /** The text with one thing wrong, most likely. */
  broken(text: string): string {
    const { random } = this;
    const at = random.int(text.length + 1);
    const kind = random.int(4);
    if (kind === 0) return text.slice(0, at);
    if (kind === 1) return text.slice(0, at) + text.slice(at + 1 + random.int(3));
    if (kind === 2)
      return (
        text.slice(0, at) +
        random.pick(['"', '{', '}', '[', ']', ',', ':', '\\', '\n', '0', 'x', '\u0000']) +
        text.slice(at)
      );
    return text.slice(0, at) + text.slice(Math.max(0, at - random.int(20)));
  }
}

function pickSome<T>(random: Random, items: readonly T[], most: number): T[] {
  const chosen = new Set<T>();
  for (let i = random.int(most + 1); i > 0; i--) chosen.add(random.pick(items));
  return [...chosen];
}

/** A body of some events, now and then with a flipped byte, a byte order mark, or white space in front. */
export function randomBody(random: Random): Uint8Array {
  const writer = new EventWriter(random, random.pick([0, 0, 0.01, 0.05, 0.3]));
  const text = writer.body(random.many(12, () => writer.event()));
  const bytes = Buffer.from(random.chance(writer.wildness / 2) ? writer.broken(text) : text);
  if (bytes.length > 0 && random.chance(writer.wildness / 4))
    bytes[random.int(bytes.length)] = random.int(256);
  return random.chance(writer.wildness / 4) ? Buffer.concat([Buffer.from('\ufeff \n'), bytes]) : bytes;
}
