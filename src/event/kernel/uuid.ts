/** UUIDs as the kernel reads and makes them. Bytes are in network order, text is lower case. */
import { createHash } from 'node:crypto';

/** Ids of clients that are no UUIDs, of places in the log and of derived events must never meet: each has its namespace. */
const clientIds = Buffer.from('4be1c8f03e0b4f6f9d6a6d3c5a8f1e27', 'hex');
const derivedIds = Buffer.from('0d5e4f9a71b24c5d8f3e6b9c2a1d7e40', 'hex');
const coordinateIds = Buffer.from('b0a4d7125c1e4c0e8f6e2f9a7d3b6c58', 'hex');

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function uuidV5(namespace: Uint8Array, name: string): Uint8Array {
  const bytes = createHash('sha1').update(namespace).update(name, 'utf8').digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x50;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes;
}

/** The 16 bytes under which a client's event_id is stored: its own when it is a UUID, else a UUIDv5 of its text. */
export function readEventId(text: string): Uint8Array {
  if (!uuidPattern.test(text)) return uuidV5(clientIds, text);
  return Buffer.from(text.replaceAll('-', ''), 'hex');
}

/** The id of an event that came through the log without one; reading the same record again gives the same. */
export function coordinateEventId(
  topic: string,
  partition: number,
  offset: number,
  index: number,
): Uint8Array {
  return uuidV5(coordinateIds, `${topic === '' ? '' : `${topic}:`}${partition}:${offset}:${index}`);
}

/** The id of a derived event: of its name and what it is derived from. */
export function derivedEventId(name: string, ...parts: readonly string[]): Uint8Array {
  return uuidV5(derivedIds, [name, ...parts].join('\x1f'));
}

/** 16 bytes as text. */
export function formatUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, 16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** A UUID of text as four 32-bit words from `at` on, the highest first. */
export function putUuid(words: Uint32Array, at: number, text: string): void {
  const bytes = Buffer.from(text.replaceAll('-', ''), 'hex');
  for (let w = 0; w < 4; w++) words[at + w] = bytes.readUInt32BE(w * 4);
}

export function parseUuids(texts: readonly string[]): Uint32Array {
  const words = new Uint32Array(texts.length * 4);
  for (const [i, text] of texts.entries()) putUuid(words, i * 4, text);
  return words;
}
