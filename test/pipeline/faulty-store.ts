/** The store with a will of its own about inserts: each fault is what one insert meets. */
import http from 'node:http';
import { EVENT_COLUMN_NAMES } from '../../src/pipeline/encode.ts';
import type { StoreClient, StoreEndpoint } from '../../src/store/client.ts';
import { EventStore, type LogSource, type Places } from '../../src/store/events.ts';
import { StoreError } from '../../src/store/store-error.ts';

export type Fault =
  /** The server says no. */
  | 'refused'
  /** It lands, and the answer is lost. */
  | 'unanswered'
  /** It is lost on the way. */
  | 'lost'
  /** It reaches the server while the writer waits for its lease to end. */
  | 'arrives while waiting'
  /** It reaches the server when its lease is over. */
  | 'arrives after the lease'
  /** The connection breaks in mid-body. */
  | 'cut'
  /** The server is killed, with it the insert, and comes back. */
  | 'killed'
  /** One of its parts lands: see `landPart`. */
  | 'partial';

export const faults: readonly Fault[] = [
  'refused',
  'unanswered',
  'lost',
  'arrives while waiting',
  'arrives after the lease',
  'cut',
  'killed',
  'partial',
];

export const unknown = () => new StoreError('unknown_outcome', 159, 'no answer, as the test wants it');

export class FaultyStore extends EventStore {
  readonly faults: Fault[] = [];
  /** Error codes of inserts that came after their lease. */
  readonly refusals: (number | null)[] = [];
  generation = 1;
  readonly calls: string[] = [];
  landPart: () => Promise<void> = async () => {};
  readonly #endpoint: StoreEndpoint;
  readonly #database: string;
  #restarting = false;
  #onTheWay: { when: Fault; arrive: () => Promise<void> }[] = [];

  constructor(client: StoreClient, endpoint: StoreEndpoint) {
    super(client);
    this.#endpoint = endpoint;
    this.#database = client.database;
  }

  override async insert(
    chunks: readonly Uint8Array[],
    columns: readonly string[],
    queryId: string,
    timeoutMs: number,
  ) {
    const fault = this.faults.shift();
    this.calls.push(`insert ${fault ?? ''}`.trim());
    // The server answers a loaded test later than the lease allows.
    const arrive = () => super.insert(chunks, columns, queryId, timeoutMs + 30_000);
    switch (fault) {
      case undefined:
        return await arrive();
      case 'refused':
        throw new StoreError('refused', 252, 'too many parts, as the test wants it');
      case 'unanswered':
        await arrive();
        throw unknown();
      case 'arrives while waiting':
      case 'arrives after the lease': {
        // The builder's memory moves on: what is on its way are bytes of their own.
        const copies = chunks.map((chunk) => Uint8Array.from(chunk));
        this.#onTheWay.push({
          when: fault,
          arrive: () => super.insert(copies, columns, `${queryId}-late`, timeoutMs + 30_000),
        });
        break;
      }
      case 'cut':
        await this.#sendHalf(chunks, queryId);
        break;
      case 'killed':
        this.#restarting = true;
        break;
      case 'partial':
        await this.landPart();
        break;
    }
    throw unknown();
  }

  /** The first that a writer hears of a server that came back. */
  override async serverTime() {
    if (this.#restarting) this.generation++;
    this.#restarting = false;
    return await super.serverTime();
  }

  override async mark(...args: Parameters<EventStore['mark']>) {
    this.calls.push('mark');
    await super.mark(...args);
  }

  override async endInserts(source: LogSource) {
    this.calls.push('end inserts');
    await super.endInserts(source);
  }

  override async present(places: Places) {
    await this.#arrive('arrives after the lease');
    this.calls.push('present');
    return await super.present(places);
  }

  /** To be called when the writer waits. */
  async waiting(): Promise<void> {
    this.calls.push('wait');
    await this.#arrive('arrives while waiting');
  }

  async #arrive(when: Fault): Promise<void> {
    const due = this.#onTheWay.filter((insert) => insert.when === when);
    this.#onTheWay = this.#onTheWay.filter((insert) => insert.when !== when);
    for (const { arrive } of due) {
      try {
        await arrive();
      } catch (error) {
        this.refusals.push((error as StoreError).code);
      }
    }
  }

  /** Half of a body, then the connection breaks. */
  async #sendHalf(chunks: readonly Uint8Array[], queryId: string): Promise<void> {
    const body = Buffer.concat(chunks);
    const url = new URL(this.#endpoint.url);
    const query = `INSERT INTO events (${EVENT_COLUMN_NAMES.join(', ')}) FORMAT Native`;
    url.search = new URLSearchParams({ database: this.#database, query_id: queryId, query }).toString();
    const { username, password } = this.#endpoint;
    await new Promise<void>((resolve) => {
      const request = http.request(url, {
        method: 'POST',
        auth: `${username}:${password}`,
        headers: { 'content-length': body.length },
      });
      request.on('error', () => {});
      request.on('close', resolve);
      request.write(body.subarray(0, body.length >> 1), () => request.destroy());
    });
  }
}
