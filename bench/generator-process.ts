import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { GeneratorCommand, GeneratorMessage } from './generator.ts';
import type { LoadPlan, LoadReport } from './load.ts';

/** The load generator as those see it who started it. */
export class Generator {
  readonly #child;
  readonly pid: number;

  private constructor(plan: LoadPlan) {
    this.#child = fork(fileURLToPath(new URL('./generator.ts', import.meta.url)), [JSON.stringify(plan)]);
    this.pid = this.#child.pid!;
  }

  static async start(plan: LoadPlan): Promise<Generator> {
    const generator = new Generator(plan);
    await generator.#next('ready');
    return generator;
  }

  async measure(): Promise<LoadReport> {
    return (await this.#ask('measure', 'measuring')).report;
  }

  async stop(): Promise<{ report: LoadReport; cpuSeconds: number }> {
    return await this.#ask('stop', 'stopped');
  }

  async #ask<T extends GeneratorMessage['type']>(command: GeneratorCommand, type: T) {
    const answer = this.#next(type);
    this.#child.send(command);
    return await answer;
  }

  #next<T extends GeneratorMessage['type']>(type: T): Promise<Extract<GeneratorMessage, { type: T }>> {
    return new Promise((resolve, reject) => {
      const onExit = () => reject(new Error('the load generator ended'));
      this.#child.once('exit', onExit);
      this.#child.once('message', (message: GeneratorMessage) => {
        this.#child.off('exit', onExit);
        if (message.type === type) resolve(message as Extract<GeneratorMessage, { type: T }>);
        else reject(new Error(`the load generator said ${message.type} instead of ${type}`));
      });
    });
  }
}
