/**
 * Counters for hot paths: adding is one addition on a number, and Prometheus gets the sums when it comes to look.
 * (A labelled counter of prom-client hashes its labels at each call, which is felt at 10,000 requests a second.)
 */
import { Counter, type Registry } from 'prom-client';

export interface Tally {
  add(n: number): void;
  readonly total: number;
}

export interface LabelledTally {
  add(label: string, n: number): void;
  total(label: string): number;
  /** Of all labels that `wanted` takes. */
  sum(wanted?: (label: string) => boolean): number;
}

export function createTally(registry: Registry, name: string, help: string): Tally {
  let total = 0;
  new Counter({
    name,
    help,
    registers: [registry],
    collect() {
      this.reset();
      this.inc(total);
    },
  });
  return {
    add(n) {
      total += n;
    },
    get total() {
      return total;
    },
  };
}

/** `label` must have few values: each one is a series for as long as the process lives. Past `valuesMax` they are `others`. */
export function createLabelledTally(
  registry: Registry,
  name: string,
  help: string,
  label: string,
  valuesMax = Infinity,
): LabelledTally {
  const totals = new Map<string, number>();
  new Counter({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      this.reset();
      for (const [value, total] of totals) this.inc({ [label]: value }, total);
    },
  });
  return {
    add(value, n) {
      const own = totals.has(value) || totals.size < valuesMax ? value : 'others';
      totals.set(own, (totals.get(own) ?? 0) + n);
    },
    total: (value) => totals.get(value) ?? 0,
    sum: (wanted = () => true) =>
      [...totals].reduce((all, [value, total]) => (wanted(value) ? all + total : all), 0),
  };
}
