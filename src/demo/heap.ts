/** A binary heap: the item with the smallest key comes first, of equal keys the one that was put in first. */
export interface Heap<T> {
  readonly size: number;
  push(key: number, item: T): void;
  /** Smallest key, Infinity when empty. */
  peekKey(): number;
  /** Throws when empty. */
  pop(): T;
}

interface Entry<T> {
  readonly key: number;
  readonly order: number;
  readonly item: T;
}

export function createHeap<T>(): Heap<T> {
  const entries: Entry<T>[] = [];
  let pushed = 0;
  const before = (a: Entry<T>, b: Entry<T>) => a.key < b.key || (a.key === b.key && a.order < b.order);

  function sink(entry: Entry<T>): void {
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= entries.length) break;
      if (child + 1 < entries.length && before(entries[child + 1]!, entries[child]!)) child++;
      if (!before(entries[child]!, entry)) break;
      entries[at] = entries[child]!;
      at = child;
    }
    entries[at] = entry;
  }

  return {
    get size() {
      return entries.length;
    },
    push(key, item) {
      const entry = { key, order: pushed++, item };
      let at = entries.push(entry) - 1;
      while (at > 0) {
        const parent = (at - 1) >> 1;
        if (!before(entry, entries[parent]!)) break;
        entries[at] = entries[parent]!;
        at = parent;
      }
      entries[at] = entry;
    },
    peekKey: () => entries[0]?.key ?? Number.POSITIVE_INFINITY,
    pop() {
      const top = entries[0];
      if (!top) throw new Error('pop from an empty heap');
      const last = entries.pop()!;
      if (entries.length > 0) sink(last);
      return top.item;
    },
  };
}
