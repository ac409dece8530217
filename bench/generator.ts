/**
 * The load generator, a process of its own: `generator.ts <LoadPlan as JSON>`, told what to do over IPC.
 *
 * It counts what was acknowledged, events and distinct ids, and measures how long each acknowledgement took. At a given
 * rate the loop is open: a request's time begins when it should have been sent, so that a service that stalls cannot
 * hide it by being asked less.
 */
import { Load, type LoadPlan, type LoadReport } from './load.ts';

export type GeneratorCommand = 'measure' | 'stop';

export type GeneratorMessage =
  | { readonly type: 'ready' }
  /** In answer to `measure`: what was acknowledged so far. */
  | { readonly type: 'measuring'; readonly report: LoadReport }
  /** In answer to `stop`: everything. */
  | { readonly type: 'stopped'; readonly report: LoadReport; readonly cpuSeconds: number };

if (process.send) {
  const tell = (message: GeneratorMessage) => process.send?.(message);
  const load = await Load.open(JSON.parse(process.argv[2]!) as LoadPlan);
  process.on('message', (command: GeneratorCommand) => {
    if (command === 'measure') tell({ type: 'measuring', report: load.measure() });
    else
      void load.stop().then((report) => {
        const { user, system } = process.cpuUsage();
        tell({ type: 'stopped', report, cpuSeconds: (user + system) / 1e6 });
        process.disconnect?.();
      });
  });
  // The parent is gone, and so is the reason to send.
  process.on('disconnect', () => process.exit());
  load.start();
  tell({ type: 'ready' });
}
