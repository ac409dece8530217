import type { Config } from './config.ts';
import type { Kernel } from './event/kernel.ts';
import type { Guards } from './guards.ts';
import type { Cors } from './http/cors.ts';
import type { HttpServer } from './http/server.ts';
import type { Log } from './log/log.ts';
import type { PipelineFacts } from './pipeline/facts.ts';
import type { PlanWatch } from './plans-watch.ts';
import type { Store } from './store/open.ts';
import type { Health } from './telemetry/health.ts';
import type { Logger } from './telemetry/logger.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { RateMeter } from './telemetry/rate.ts';
import type { Tracing } from './telemetry/tracing.ts';

/** What stands before ClickHouse does. */
export interface Foundation extends Guards {
  readonly version: string;
  /** Epoch ms. */
  readonly startedAt: number;
  readonly dataDir: string;
  readonly deadLetterTopic: string;
  readonly derivedTopic: string;
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly health: Health;
  /** null: nobody asked for traces. */
  readonly tracing: Tracing | null;
  readonly cors: Cors;
  readonly kernel: Kernel;
  readonly http: HttpServer;
  readonly log: Log;
  /** Events acknowledged. */
  readonly ingestRate: RateMeter;
  readonly closers: Closers;
  readonly now: () => number;
}

/** What the roles of one process share. */
export interface House extends Foundation {
  readonly store: Store;
  readonly facts: PipelineFacts;
  readonly plans: PlanWatch;
}

/** Closes what was opened, last first, even if one of them fails. */
export class Closers {
  readonly #closers: { name: string; close: () => Promise<void> }[] = [];

  add(name: string, close: () => Promise<void>): void {
    this.#closers.push({ name, close });
  }

  async closeAll(logger: Logger): Promise<void> {
    for (const { name, close } of this.#closers.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        logger.error({ err: error, part: name }, 'a part did not close');
      }
    }
  }
}
