import type { ConnectionOptions } from '@platformatic/kafka';

export type Compression = 'zstd' | 'lz4' | 'gzip' | 'snappy' | 'none';
export type SaslMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';

/** Where the brokers are, and how to be let in. */
export interface KafkaAddress {
  /** host:port of some of the brokers; they tell of the others. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly sasl?: { readonly mechanism: SaslMechanism; readonly username: string; readonly password: string };
  /** PEM. `ca` beside the authorities that Node knows when absent; `cert` and `key` for brokers that ask who we are. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

export interface KafkaLogOptions extends KafkaAddress {
  /** Topics that must be there when the log is opened. */
  readonly topics: readonly string[];
  readonly compression: Compression;
  /** An append that is not acknowledged after this long rejects. */
  readonly ackTimeoutMs: number;
  /** A member of a group that is not heard for this long loses its partitions; where the broker decides, it is asked for this. */
  readonly sessionTimeoutMs: number;
  /** A handler has this long to end when its partition is taken away. */
  readonly rebalanceTimeoutMs: number;
  /** About the bytes of values that one request to a broker carries, before compression. */
  readonly sendBytesMax: number;
  /** Faults behind the scenes: a broker that went away, a group that lost its member. */
  readonly onError?: (error: Error) => void;
}

export const kafkaDefaults = {
  compression: 'zstd',
  ackTimeoutMs: 10_000,
  sessionTimeoutMs: 45_000,
  rebalanceTimeoutMs: 60_000,
  sendBytesMax: 1024 * 1024,
} as const;

/** A broker that answers nothing is given up, and another one asked, after this long. */
export const REQUEST_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 3_000;
export const RETRY_DELAY_MS = 100;
/** Between tries that only an operator can make succeed. */
export const HOPELESS_DELAY_MS = 5_000;

export function connectionOptions(address: KafkaAddress, requestTimeoutMs: number): ConnectionOptions {
  const { sasl, tls } = address;
  return {
    connectTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: requestTimeoutMs,
    maxInflights: 64,
    ...(sasl ? { sasl } : {}),
    ...(tls ? { tls: { ...tls } } : {}),
  };
}
