/** Reads Prometheus' text form, as much of it as the benchmark needs. */

export interface Metrics {
  /** Sum over all label sets that contain `labels`; 0 when there is none. */
  value(name: string, labels?: Readonly<Record<string, string>>): number;
  /** The values that a label takes. */
  labels(name: string, label: string): readonly string[];
}

interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export function readMetrics(text: string): Metrics {
  const samples = new Map<string, Sample[]>();
  for (const line of text.split('\n')) {
    const parts = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (parts === null) continue;
    const labels = Object.fromEntries(
      [...(parts[2] ?? '').matchAll(/(\w+)="([^"]*)"/g)].map((match) => [match[1]!, match[2]!]),
    );
    samples.getOrInsertComputed(parts[1]!, () => []).push({ labels, value: Number(parts[3]) });
  }
  const all = (name: string) => samples.get(name) ?? [];
  return {
    value: (name, labels = {}) =>
      all(name)
        .filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
        .reduce((sum, sample) => sum + sample.value, 0),
    labels: (name, label) => [...new Set(all(name).map((sample) => sample.labels[label] ?? ''))],
  };
}

/** Without an address: nothing to read. */
export async function scrape(url: string | null): Promise<Metrics> {
  if (url === null) return readMetrics('');
  return readMetrics(await (await fetch(url)).text());
}
