/**
 * The reference against JSON.parse: what it puts into columns is what a plain reading of the parsed event says. The
 * reading here is written apart from the kernel's, over objects instead of slices.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EventFieldName, eventFields } from '../../../src/event/event.ts';
import { openReferenceKernel } from '../../../src/event/kernel/reference.ts';
import { type BlockBuilder, stringColumnNames, textColumnNames } from '../../../src/event/kernel.ts';
import { Random } from '../random.ts';
import { EventWriter, testNow } from '../random-events.ts';

type Json = Record<string, unknown>;

const rounds = Number(process.env.FUZZ_ROUNDS ?? 1000);
const firstSeed = process.env.FUZZ_SEED === undefined ? Date.now() % 2 ** 31 : Number(process.env.FUZZ_SEED);
const allNames = new Set<string>(eventFields.flatMap((field) => [field.name, ...field.aliases]));

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fieldOf(event: Json, name: EventFieldName): unknown {
  const field = eventFields.find((f) => f.name === name)!;
  return [field.name, ...field.aliases].map((key) => event[key]).find((value) => value !== undefined);
}

function momentOf(value: unknown): number {
  return typeof value === 'number' ? value : Date.parse(value as string);
}

function textAt(root: unknown, path: string): string {
  let value = root;
  for (const key of path.split('.')) value = isObject(value) ? value[key] : undefined;
  return typeof value === 'string' ? value : '';
}

function firstText(root: unknown, paths: readonly string[]): string {
  return paths.map((path) => textAt(root, path)).find((text) => text !== '') ?? '';
}

function measureOf(value: unknown, factor = 1): number | null {
  return typeof value === 'number' && value >= 0 && Number.isFinite(value * factor) ? value * factor : null;
}

/** What the columns of an ordinary event should hold. */
function expectedRow(event: Json): Json {
  const own = (fieldOf(event, 'properties') ?? {}) as Json;
  const strangers = Object.fromEntries(Object.entries(event).filter(([key]) => !allNames.has(key)));
  const properties = { ...strangers, ...own };
  const { ip: _, ...context } = (fieldOf(event, 'context') ?? {}) as Json;
  const id = (name: EventFieldName) => String(fieldOf(event, name) ?? '');
  const said = fieldOf(event, 'timestamp');
  const sentAt = fieldOf(event, 'sent_at');
  const skew = sentAt === undefined ? 0 : testNow - momentOf(sentAt);
  const root = { context, properties };
  return {
    event_name: fieldOf(event, 'event_name'),
    app_id: id('app_id') || 'shop',
    user_id: id('user_id'),
    anonymous_id: id('anonymous_id'),
    video_id: id('video_id') || textAt(root, 'properties.video_id'),
    stream_id: id('stream_id') || textAt(root, 'properties.stream_id'),
    properties,
    context,
    timestamp: said === undefined ? testNow : momentOf(said) + skew,
    watchMs: measureOf(properties.watch_ms),
    durationMs: measureOf(properties.duration_ms) ?? measureOf(properties.duration, 1000),
    bitrate: measureOf(properties.bitrate) ?? measureOf(properties.bitrate_kbps, 1000),
    user_agent: firstText(root, ['context.user_agent', 'context.userAgent']),
    device: firstText(root, ['context.device', 'context.device.type', 'properties.device_type']),
    browser: firstText(root, ['context.browser', 'context.browser.name', 'properties.browser']),
    country: firstText(root, ['context.country', 'context.location.country']),
    referrer: firstText(root, ['context.referrer', 'context.page.referrer']),
    utm_campaign: firstText(root, ['context.utm_campaign', 'context.campaign.name']),
    page_url: firstText(root, ['context.page.url', 'context.url', 'properties.url']),
  };
}

function nullIfUnknown(measure: number): number | null {
  return Number.isNaN(measure) ? null : measure;
}

/** What they do hold, by the same names. */
function actualRow(block: BlockBuilder): Json {
  const strings = Object.fromEntries(stringColumnNames.map((name) => [name, block.stringAt(name, 0)]));
  const texts = Object.fromEntries(
    textColumnNames.map((name) => [name, block.text.get(block.textColumns[name][0]!)]),
  );
  return {
    ...strings,
    ...texts,
    properties: JSON.parse(strings.properties!),
    context: JSON.parse(strings.context!),
    timestamp: block.timestamp[0],
    watchMs: nullIfUnknown(block.watchMs[0]!),
    durationMs: nullIfUnknown(block.durationMs[0]!),
    bitrate: nullIfUnknown(block.bitrate[0]!),
  };
}

test(`columns hold what JSON.parse reads, over ${rounds} events`, () => {
  const block = openReferenceKernel().createBlockBuilder();
  for (let seed = firstSeed; seed < firstSeed + rounds; seed++) {
    const text = new EventWriter(new Random(seed), 0, false).event();
    const record = {
      value: Buffer.from(text),
      receivedAt: testNow,
      sentAt: null,
      app: 'shop',
      partition: 0,
      offset: 0,
    };
    block.reset();
    const { bad } = block.add(record, null);
    const expected = expectedRow(JSON.parse(text) as Json);
    const message = `FUZZ_SEED=${seed} FUZZ_ROUNDS=1 repeats it: ${text}`;
    assert.deepEqual(bad, [], message);
    const actual = actualRow(block);
    for (const [name, value] of Object.entries(expected))
      assert.deepEqual(actual[name], value, `${name}. ${message}`);
  }
});
