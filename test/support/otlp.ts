/** A receiver of OTLP over HTTP in protobuf, as a collector has it, that keeps the spans. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';

export interface ReceivedSpan {
  readonly trace: string;
  readonly id: string;
  /** '' for the root of a trace. */
  readonly parent: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  /** Epoch ns. */
  readonly start: bigint;
  readonly end: bigint;
  /** `<trace>-<span>` each. */
  readonly links: readonly string[];
  readonly attributes: Readonly<Record<string, unknown>>;
  /** 0 unset, 1 ok, 2 error. */
  readonly status: number;
  readonly resource: Readonly<Record<string, unknown>>;
}

export interface Receiver {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  readonly headers: readonly IncomingHttpHeaders[];
  /** The first span that fits, now or later. */
  next(fits: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan>;
}

export async function startReceiver(t: TestContext): Promise<Receiver> {
  const spans: ReceivedSpan[] = [];
  const headers: IncomingHttpHeaders[] = [];
  let onSpans = () => {};
  const listeners = new Set<() => void>();
  onSpans = () => {
    for (const listener of listeners) listener();
  };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = await request.toArray();
    const raw = Buffer.concat(chunks);
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
    headers.push(request.headers);
    if (request.url === '/v1/traces') spans.push(...readSpans(body));
    response.writeHead(request.url === '/v1/traces' ? 200 : 404, {
      'content-type': 'application/x-protobuf',
    });
    response.end();
    onSpans();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    headers,
    next: (fits) =>
      new Promise((resolve) => {
        const look = () => {
          const found = spans.find(fits);
          if (!found) return;
          listeners.delete(look);
          resolve(found);
        };
        listeners.add(look);
        look();
      }),
  };
}

type Field = bigint | Buffer;
type Message = Map<number, Field[]>;

/** Protobuf without a schema: field number -> values. */
function readMessage(bytes: Buffer): Message {
  const message: Message = new Map();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const take = (length: number): Buffer => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const kind = tag & 7;
    let value: Field;
    if (kind === 0) value = varint();
    else if (kind === 1) value = take(8).readBigUInt64LE();
    else if (kind === 2) value = take(Number(varint()));
    else if (kind === 5) value = BigInt(take(4).readUInt32LE());
    else throw new Error(`wire type ${kind}`);
    message.set(tag >>> 3, [...(message.get(tag >>> 3) ?? []), value]);
  }
  return message;
}

const messages = (message: Message, field: number): Message[] =>
  (message.get(field) ?? []).map((value) => readMessage(value as Buffer));
const bytesOf = (message: Message, field: number): Buffer =>
  (message.get(field)?.[0] as Buffer) ?? Buffer.alloc(0);
const numberOf = (message: Message, field: number): bigint => (message.get(field)?.[0] as bigint) ?? 0n;

function readSpans(body: Buffer): ReceivedSpan[] {
  return messages(readMessage(body), 1).flatMap((resourceSpans) => {
    const resource = readAttributes(messages(resourceSpans, 1)[0] ?? new Map(), 1);
    return messages(resourceSpans, 2)
      .flatMap((scope) => messages(scope, 2))
      .map((span) => readSpan(span, resource));
  });
}

function readSpan(span: Message, resource: ReceivedSpan['resource']): ReceivedSpan {
  return {
    trace: bytesOf(span, 1).toString('hex'),
    id: bytesOf(span, 2).toString('hex'),
    parent: bytesOf(span, 4).toString('hex'),
    name: bytesOf(span, 5).toString(),
    kind: Number(numberOf(span, 6)),
    start: numberOf(span, 7),
    end: numberOf(span, 8),
    attributes: readAttributes(span, 9),
    links: messages(span, 13).map(
      (link) => `${bytesOf(link, 1).toString('hex')}-${bytesOf(link, 2).toString('hex')}`,
    ),
    status: Number(numberOf(messages(span, 15)[0] ?? new Map(), 3)),
    resource,
  };
}

function readAttributes(message: Message, field: number): Record<string, unknown> {
  return Object.fromEntries(
    messages(message, field).map((pair) => {
      const value = messages(pair, 2)[0] ?? new Map();
      const plain = value.has(1)
        ? bytesOf(value, 1).toString()
        : Number(numberOf(value, value.has(3) ? 3 : 2));
      return [bytesOf(pair, 1).toString(), plain];
    }),
  );
}
