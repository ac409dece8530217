import type { Log, LogHealth, Topic } from '../log.ts';
import { Cluster, MissingTopicError, pause } from './cluster.ts';
import { explain, needsOperator } from './faults.ts';
import { type KafkaLogOptions, kafkaDefaults } from './options.ts';
import { KafkaTopic } from './topic.ts';

/**
 * The log at Kafka or Redpanda.
 *
 * What `append` resolved for, all in-sync replicas have. Opening it rejects for what only an operator can mend: a password,
 * a certificate, a topic that is not there. Brokers that are away are no such thing: appends are refused, groups wait, and
 * both go on by themselves.
 */

export type OpenKafkaLogOptions = Partial<KafkaLogOptions> &
  Pick<KafkaLogOptions, 'brokers' | 'clientId' | 'topics'>;

export async function openKafkaLog(options: OpenKafkaLogOptions): Promise<Log> {
  const log = new KafkaLog({ ...kafkaDefaults, ...options });
  try {
    await log.check();
  } catch (error) {
    await log.close();
    throw error;
  }
  return log;
}

/** The same fault over and over is told this seldom. */
const TELL_AGAIN_MS = 30_000;
const FIND_ATTEMPTS = 10;

class KafkaLog implements Log {
  readonly kind = 'kafka';
  readonly #options: KafkaLogOptions;
  readonly #cluster: Cluster;
  readonly #topics = new Map<string, KafkaTopic>();
  readonly #failures = new Map<string, string>();
  readonly #told = new Map<string, number>();
  #closing: Promise<void> | null = null;

  constructor(options: KafkaLogOptions) {
    this.#options = options;
    this.#cluster = new Cluster(options);
  }

  /** Rejects for what waiting does not mend. */
  async check(): Promise<void> {
    for (const name of this.#options.topics) {
      try {
        await this.#find(name);
      } catch (error) {
        if (error instanceof MissingTopicError) throw error;
        const message = explain(error, this.#options);
        if (needsOperator(error)) throw new Error(message, { cause: error });
        this.#failures.set(name, message);
        this.#tell(new Error(message, { cause: error }));
        break;
      }
    }
  }

  /** A topic that was just made is not known to every broker at once. */
  async #find(name: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#cluster.refresh(name);
        return;
      } catch (error) {
        if (!(error instanceof MissingTopicError) || attempt === FIND_ATTEMPTS) throw error;
        await pause();
      }
    }
  }

  topic(name: string): Topic {
    const found = this.#topics.get(name);
    if (found) return found;
    if (this.#closing) throw new Error('The log is closed.');
    const topic = new KafkaTopic(name, {
      cluster: this.#cluster,
      options: this.#options,
      onOutcome: (failure) => {
        if (failure === null) this.#failures.delete(name);
        else {
          this.#failures.set(name, failure);
          this.#tell(new Error(failure));
        }
      },
      onFault: (error) => this.#onFault(error),
    });
    this.#topics.set(name, topic);
    return topic;
  }

  health(): LogHealth {
    const [reason = null] = this.#failures.values();
    return { ok: reason === null, reason };
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await Promise.all([...this.#topics.values()].map((topic) => topic.close()));
      await this.#cluster.close();
    })();
    return this.#closing;
  }

  #onFault(error: unknown): void {
    const message = error instanceof MissingTopicError ? error.message : explain(error, this.#options);
    this.#tell(new Error(message, { cause: error }));
  }

  #tell(error: Error): void {
    const now = performance.now();
    if (now - (this.#told.get(error.message) ?? Number.NEGATIVE_INFINITY) < TELL_AGAIN_MS) return;
    if (this.#told.size > 100) this.#told.clear();
    this.#told.set(error.message, now);
    this.#options.onError?.(error);
  }
}
