/** Counts of a funnel: actors by step, and the time that each step took them. */

export interface StepFigures {
  /** Actors whose run reaches the step. */
  readonly count: number;
  /** 0 to 1; 0 when nobody began. */
  readonly conversion_from_start: number;
  readonly conversion_from_previous: number;
  /** Actors who reached the step before, and not this one. */
  readonly drop_off: number;
  readonly median_seconds_from_previous: number | null;
}

export class FunnelTally {
  /** By step. */
  readonly #counts: number[];
  /** By step: ms since the step before, one for each actor. */
  readonly #gaps: number[][];

  constructor(steps: number) {
    this.#counts = new Array<number>(steps).fill(0);
    this.#gaps = Array.from({ length: steps }, () => []);
  }

  /** Of those that begin. */
  get began(): number {
    return this.#counts[0]!;
  }

  get total(): number {
    return ratio(this.#counts.at(-1)!, this.began);
  }

  /** @param run places in `times`, one for each step reached */
  add(run: readonly number[], times: readonly number[]): void {
    run.forEach((place, step) => {
      this.#counts[step]!++;
      if (step > 0) this.#gaps[step]!.push(times[place]! - times[run[step - 1]!]!);
    });
  }

  steps(): StepFigures[] {
    return this.#counts.map((count, step) => {
      const previous = step === 0 ? count : this.#counts[step - 1]!;
      return {
        count,
        conversion_from_start: ratio(count, this.began),
        conversion_from_previous: ratio(count, previous),
        drop_off: previous - count,
        median_seconds_from_previous: medianSeconds(this.#gaps[step]!),
      };
    });
  }
}

const ratio = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);

/** The middle one, or the mean of the middle two; null of none. */
function medianSeconds(gaps: readonly number[]): number | null {
  if (gaps.length === 0) return null;
  const sorted = Float64Array.from(gaps).sort();
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return median / 1000;
}
