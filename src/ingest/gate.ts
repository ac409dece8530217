/**
 * What keeps ingest within its bounds: requests and bytes under way, and the pressure from behind (lag, disk).
 * Asked before a body is read, so that a refusal costs nothing but itself.
 */
import { HttpProblem } from '../http/problem.ts';
import type { IngestMetrics } from '../telemetry/metrics.ts';

export interface Pressure {
  /** A label: `pipeline_lag`, `disk`, … */
  readonly bound: string;
  /** A sentence for the caller. */
  readonly detail: string;
  readonly retryAfterMs: number;
}

export interface Gate {
  /**
   * Lets a request in, or throws. `declaredBytes` is null when chunked.
   * @throws HttpProblem `overloaded`
   */
  enter(declaredBytes: number | null): void;
  /** Reserves bytes; false: there is no room, and nothing was reserved. */
  take(bytes: number): boolean;
  release(bytes: number): void;
  /** What to throw when `take` found no room. */
  full(): HttpProblem;
  leave(): void;
  readonly bytes: number;
  readonly requests: number;
}

interface GateOptions {
  readonly bodyBytesInFlightMax: number;
  readonly requestsInFlightMax: number;
  /** Null while all is well. Called for every request, so it should only look at a number. */
  readonly pressure: () => Pressure | null;
  readonly metrics: IngestMetrics;
}

const retryAfterMs = 1000;
const tooManyBytes = 'Too many bytes are under way.';

export function createGate(options: GateOptions): Gate {
  const { bodyBytesInFlightMax, requestsInFlightMax, metrics } = options;
  let bytes = 0;
  let requests = 0;

  function shed(bound: string, detail: string, afterMs: number): never {
    metrics.shed.add(bound, 1);
    throw new HttpProblem('overloaded', detail, { retryAfterMs: afterMs });
  }

  return {
    enter(declaredBytes) {
      const pressure = options.pressure();
      if (pressure !== null) shed(pressure.bound, pressure.detail, pressure.retryAfterMs);
      if (requests >= requestsInFlightMax) {
        shed('requests_in_flight', 'Too many requests are under way.', retryAfterMs);
      }
      if (bytes + (declaredBytes ?? 0) > bodyBytesInFlightMax) {
        shed('bytes_in_flight', tooManyBytes, retryAfterMs);
      }
      requests += 1;
    },
    take(more) {
      if (bytes + more > bodyBytesInFlightMax) {
        metrics.shed.add('bytes_in_flight', 1);
        return false;
      }
      bytes += more;
      return true;
    },
    release(fewer) {
      bytes -= fewer;
    },
    full: () => new HttpProblem('overloaded', tooManyBytes, { retryAfterMs }),
    leave() {
      requests -= 1;
    },
    get bytes() {
      return bytes;
    },
    get requests() {
      return requests;
    },
  };
}
