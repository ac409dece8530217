import { isIP } from 'node:net';
import { type Broker, type Connection, ConnectionPool } from '@platformatic/kafka';
import { connectionOptions, type KafkaAddress } from './options.ts';

/** Connections to brokers, one each, made when they are needed and again when they broke. */
export class Connections {
  readonly #byName: ConnectionPool;
  readonly #byAddress: ConnectionPool;

  /** @param requestTimeoutMs a request that is not answered by then rejects, and its connection is given up */
  constructor(address: KafkaAddress, requestTimeoutMs: number) {
    const options = connectionOptions(address, requestTimeoutMs);
    // Brokers behind one address tell by the name which certificate to show; an address is no such name.
    this.#byName = new ConnectionPool(address.clientId, { ...options, tlsServerName: true });
    this.#byAddress = new ConnectionPool(address.clientId, options);
    // Whoever waits for the connection hears of its errors; without a listener they would end the process.
    for (const pool of [this.#byName, this.#byAddress])
      pool.on('connecting', ({ connection }) => connection.on('error', () => {}));
  }

  async get(broker: Broker): Promise<Connection> {
    return await (isIP(broker.host) ? this.#byAddress : this.#byName).get(broker);
  }

  /** What waits for an answer is rejected. */
  async close(): Promise<void> {
    await Promise.all([this.#byName.close(), this.#byAddress.close()]);
  }
}
