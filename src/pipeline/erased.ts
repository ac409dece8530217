import { personIds } from '../event/person.ts';
import type { StoreClient } from '../store/client.ts';
import { digestSubject, type ErasedList, readErased } from '../store/erased-list.ts';
import type { Batch, Span } from './batch.ts';

/**
 * Keeps out what was received before its person was erased, and was still on its way or is read again from the log.
 *
 * The list is looked at before each insert. An insert may not outlive that look by more than `ERASED_REFRESH_MS` and a
 * lease, and the server refuses it afterwards: so whoever writes a name down and waits that long has everything behind.
 */
export const ERASED_REFRESH_MS = 1_000;

export interface ErasedFilter {
  /** Takes such rows out of the batch and counts them as filtered. Resolves with until when that holds, in ms of `now`. */
  drop(batch: Batch): Promise<number>;
  /** Whether a text that names its people like an event is to be left out. */
  names(text: string, app: string, receivedAt: number): Promise<boolean>;
}

export interface ErasedFilterOptions {
  /** Of the server that is written to. */
  readonly client: Pick<StoreClient, 'select'>;
  /** Of the hashes; asked for only when something was received before the latest erasure. */
  readonly key: () => Promise<Uint8Array>;
  /** Milliseconds of a clock that goes on evenly. */
  readonly now: () => number;
}

export function createErasedFilter({ client, key, now }: ErasedFilterOptions): ErasedFilter {
  let known: { readonly list: ErasedList; readonly at: number } | null = null;

  async function look() {
    if (known !== null && now() - known.at < ERASED_REFRESH_MS) return known;
    const at = now();
    known = { list: await readErased(client), at };
    return known;
  }

  return {
    async drop(batch) {
      const { list, at } = await look();
      if (batch.oldestReceivedAt < list.latest && batch.rows > 0) {
        const digestOf = createDigests(await key());
        takeOut(batch, (id, app, receivedAt) => id !== '' && list.has(digestOf(id), app, receivedAt));
      }
      return at + ERASED_REFRESH_MS;
    },
    async names(text, app, receivedAt) {
      const { list } = await look();
      if (receivedAt >= list.latest) return false;
      const secret = await key();
      return personIds(text)
        .values()
        .some((id) => list.has(digestSubject(secret, id), app, receivedAt));
    },
  };
}

/** A person has many events in a batch. */
function createDigests(key: Uint8Array): (id: string) => string {
  const digests = new Map<string, string>();
  return (id) => digests.getOrInsertComputed(id, () => digestSubject(key, id));
}

function takeOut(batch: Batch, isErased: (id: string, app: string, receivedAt: number) => boolean): void {
  const { builder } = batch;
  const { index } = builder;
  const apps = builder.textColumns.app_id;
  const out = new Map<Span, ReadonlySet<number>>();
  for (const span of batch.spans) {
    const { receivedAt } = span.meta;
    const erased = new Set<number>();
    for (let row = span.firstRow; row < span.firstRow + span.rows; row++) {
      const app = builder.text.get(apps[row]!);
      const ids = [builder.stringAt('user_id', row), builder.stringAt('anonymous_id', row)];
      if (!ids.some((id) => isErased(id, app, receivedAt))) continue;
      erased.add(index[row]!);
      batch.tally.move(app, receivedAt, 'filtered');
    }
    if (erased.size > 0) out.set(span, erased);
  }
  if (out.size > 0) batch.rebuild(out);
}
