import { createAPI, produceV7, type Reader, ResponseError, Writer } from '@platformatic/kafka';
import type { AbortedTransaction } from './batch.ts';

/**
 * The two requests that carry records. The client's own take records apart one by one, and all of an answer at once;
 * these leave batches as bytes.
 */

export interface ProduceRequest {
  readonly topic: string;
  readonly partition: number;
  readonly batch: Buffer;
  readonly transactionalId: string | null;
  /** How long the broker may wait for the others to have it. */
  readonly timeoutMs: number;
}

const ALL_IN_SYNC = -1;

function createProduce(request: ProduceRequest): Writer {
  return Writer.create()
    .appendString(request.transactionalId, false)
    .appendInt16(ALL_IN_SYNC)
    .appendInt32(request.timeoutMs)
    .appendInt32(1)
    .appendString(request.topic, false)
    .appendInt32(1)
    .appendInt32(request.partition)
    .appendBytes(request.batch, false);
}

/** Version 7 is the first with zstd, and every broker since Kafka 2.1 has it. */
export const produce = createAPI<[ProduceRequest], produceV7.ProduceResponse>(
  0,
  7,
  createProduce,
  produceV7.parseResponse,
  false,
  false,
);

export interface FetchRequest {
  readonly topic: string;
  readonly maxWaitMs: number;
  readonly maxBytes: number;
  readonly partitions: readonly { readonly partition: number; readonly offset: number }[];
}

export interface FetchedPartition {
  readonly partition: number;
  /** The protocol's; 0 when well. */
  readonly errorCode: number;
  /** What `read_committed` readers may see ends here. */
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  readonly batches: Buffer;
}

const ANYONE = -1;
const READ_COMMITTED = 1;
const NO_SESSION = 0;
const NO_SESSION_EPOCH = -1;
const NOTHING = Buffer.alloc(0);

function createFetch(request: FetchRequest): Writer {
  const writer = Writer.create()
    .appendInt32(ANYONE)
    .appendInt32(request.maxWaitMs)
    .appendInt32(1)
    .appendInt32(request.maxBytes)
    .appendInt8(READ_COMMITTED)
    .appendInt32(NO_SESSION)
    .appendInt32(NO_SESSION_EPOCH)
    .appendInt32(1)
    .appendString(request.topic, false)
    .appendInt32(request.partitions.length);
  for (const { partition, offset } of request.partitions) {
    writer
      .appendInt32(partition)
      .appendInt32(-1)
      .appendInt64(BigInt(offset))
      .appendInt64(-1n)
      .appendInt32(request.maxBytes);
  }
  return writer.appendInt32(0).appendString('', false);
}

function parseFetch(_id: number, apiKey: number, version: number, reader: Reader): FetchedPartition[] {
  reader.readInt32();
  const errorCode = reader.readInt16();
  if (errorCode !== 0) throw new ResponseError(apiKey, version, { '/': [errorCode, null] }, null);
  reader.readInt32();
  const topics = reader.readArray(
    (topic) => {
      topic.readString(false);
      return topic.readArray(parsePartition, false, false);
    },
    false,
    false,
  );
  return topics.flat();
}

function parsePartition(reader: Reader): FetchedPartition {
  const partition = reader.readInt32();
  const errorCode = reader.readInt16();
  reader.readInt64();
  const lastStableOffset = Number(reader.readInt64());
  const logStartOffset = Number(reader.readInt64());
  const aborted = reader.readNullableArray(
    (r) => ({ producerId: r.readInt64(), firstOffset: r.readInt64() }),
    false,
    false,
  );
  reader.readInt32();
  const batches = reader.readNullableBytes(false);
  return {
    partition,
    errorCode,
    lastStableOffset,
    logStartOffset,
    aborted: aborted ?? [],
    batches: batches ?? NOTHING,
  };
}

/** Version 11 is the last that names topics in plain fields; Kafka from 2.4 on and Redpanda have it. */
export const fetch = createAPI<[FetchRequest], FetchedPartition[]>(
  1,
  11,
  createFetch,
  parseFetch,
  false,
  false,
);
