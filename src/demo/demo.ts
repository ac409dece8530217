/**
 * `sluice demo`: sends the events of a small video platform, counts them by the rules while it sends, and checks the
 * service's answers against that count. In: a command line. Out: an exit code (0 done, 1 a difference or no service,
 * 2 a command line that makes no sense). What it sent is in the state file, so that the next run counts on.
 */
import { type Catalogue, createCatalogue } from './catalogue.ts';
import { type Clock, systemClock } from './clock.ts';
import { createCounter } from './count.ts';
import { type DemoOptions, demoHelp, readDemoOptions, UsageError } from './options.ts';
import { createReporter, type Output } from './report.ts';
import { belowOr, finishRun, runBackfill, runLive } from './run.ts';
import { createSender, SenderError, type SenderStats } from './sender.ts';
import { openService, type Service } from './service.ts';
import { createState, type DemoState, loadState, saveState } from './state.ts';
import { createStream } from './stream.ts';
import { checksTable, settleService, storedEvents, verifyState } from './verify.ts';

export interface DemoIo {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Ends the run: what was sent is settled and saved. */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

const dayMs = 86_400_000;
const patienceMs = 60_000;
const graceMs = 5_000;

/** What went wrong, with advice; printed without a stack. */
class DemoError extends Error {}

async function meetService(service: Service, url: string): Promise<void> {
  try {
    await service.ask('/health');
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
    const message = `Nothing answers at ${url} (${why}). Start the service with "npm start", or name another with --url.`;
    throw new DemoError(message, { cause });
  }
}

/**
 * The state to count on with: the file's, as long as the service holds what it says. A service that holds events of
 * which the file knows nothing gets apps of its own for this run, so that two counts never mix.
 */
async function chooseState(service: Service, options: DemoOptions, now: number): Promise<DemoState> {
  const { url, seed, stateFile } = options;
  const fresh = (suffix: string) => createState(createCatalogue(seed, suffix), { url, seed, suffix });
  const saved = await loadState(stateFile);
  const known = saved?.seed === seed ? saved : null;
  const plain = known ?? fresh('');
  const from = known?.from ?? now - 400 * dayMs;
  const stored = await storedEvents(service, [...plain.count.apps.keys()], from, now + dayMs);
  if (stored === null) return plain;
  const counted = [...plain.count.apps.values()].reduce((sum, app) => sum + app.events, 0);
  if (stored === 0) return fresh(plain.suffix);
  return known && stored <= counted + known.uncertain ? known : fresh(`-${now.toString(36).slice(-5)}`);
}

async function sendCatalogue(service: Service, catalogue: Catalogue, stderr: Output): Promise<void> {
  const videos = catalogue.titles.map(({ index: _, app: __, ...title }) =>
    Object.fromEntries(Object.entries(title).filter(([, value]) => value !== null)),
  );
  const { status } = await service.putVideos(videos);
  if (status === 404 || status < 300) return;
  const advice =
    status === 401 || status === 403 ? ' (it takes a key with the scope "admin" as --read-key)' : '';
  stderr.write(`The titles were not taken, status ${status}${advice}; the events say their durations too.\n`);
}

interface Outcome {
  readonly settled: boolean;
  readonly stats: SenderStats;
}

/** Sends what the options ask for and counts it into `state`. */
async function send(
  service: Service,
  options: DemoOptions,
  state: DemoState,
  io: DemoIo & { readonly clock: Clock },
): Promise<Outcome> {
  const { clock, signal } = io;
  const { seed, people, backfillDays, backfillPerDay, rate, durationMs, connections } = options;
  const startAt = clock.now();
  const catalogue = createCatalogue(seed, state.suffix);
  await sendCatalogue(service, catalogue, io.stderr);
  const stream = createStream({ seed, catalogue, people, run: startAt.toString(36) });
  const counter = createCounter(state.count);
  const from = startAt - backfillDays * dayMs;
  let virtual = from;
  const moved = (at: number) => {
    virtual = at;
  };
  const sender = createSender({
    post: service.post,
    clock,
    connections,
    taken(event) {
      counter.add(event);
      stream.acknowledged(event, virtual);
    },
    givenUp: (event) => counter.giveUp(event),
  });
  const reporter = createReporter(io.stdout, clock, sender.stats);
  const run = { stream, sender, clock, signal, moved };
  let settled = false;
  try {
    if (backfillDays > 0) {
      const progress = reporter.begin(`back-filling ${backfillDays} days`);
      await runBackfill({ ...run, progress, from, to: startAt, perDay: backfillPerDay });
    }
    if (options.live && !signal.aborted) {
      const progress = reporter.begin(`live at ${rate} events/s`);
      await runLive({ ...run, progress, startAt: clock.now(), durationMs, rate });
    }
    // Ctrl-C leaves out what was held back, and does not wait for long.
    if (!signal.aborted) settled = await finishRun({ stream, sender, clock, signal }, patienceMs);
    if (!settled) await belowOr({ sender, clock, signal: new AbortController().signal }, 0, graceMs);
    settled = sender.pending === 0;
  } finally {
    // Requests that hang would hold up the end for as long as they like.
    if (!settled) service.close();
    await sender.stop();
    counter.settle();
    state.from = Math.min(state.from, from);
    state.to = Math.max(state.to, virtual);
    state.uncertain += sender.stats.uncertain;
    await saveState(options.stateFile, state);
    reporter.end();
  }
  return { settled, stats: sender.stats };
}

async function verify(
  service: Service,
  state: DemoState,
  io: DemoIo & { readonly clock: Clock },
): Promise<number> {
  if (state.to === 0)
    throw new DemoError('There is nothing to verify yet: run the demo with --duration first.');
  io.stdout.write('waiting until everything is stored\n');
  if (!(await settleService(service, state, io.clock, io.signal, 2 * patienceMs))) {
    io.stderr.write('Not everything was stored in time; the numbers below may lag.\n');
  }
  const checks = await verifyState(service, state);
  io.stdout.write(checksTable(checks));
  const differing = checks.filter(({ ok }) => !ok).length;
  const uncertain =
    state.uncertain > 0 ? ` ${state.uncertain} events got no answer and may or may not be there.` : '';
  io.stdout.write(
    differing === 0
      ? `all ${checks.length} numbers agree\n`
      : `${differing} of ${checks.length} numbers differ.${uncertain}\n`,
  );
  return differing === 0 ? 0 : 1;
}

/** Runs the command to its end and returns its exit code; it never throws for what a user can put right. */
export async function runDemo(argv: readonly string[], io: DemoIo): Promise<number> {
  const withClock = { ...io, clock: io.clock ?? systemClock };
  let service: Service | null = null;
  try {
    const options = readDemoOptions(argv);
    if (options === 'help') {
      io.stdout.write(demoHelp);
      return 0;
    }
    service = openService(options);
    await meetService(service, options.url);
    if (!options.live && options.backfillDays === 0) {
      const state = await loadState(options.stateFile);
      if (!state)
        throw new DemoError(
          `${options.stateFile} is not there: run the demo first, or name it with --state.`,
        );
      return await verify(service, state, withClock);
    }
    const state = await chooseState(service, options, withClock.clock.now());
    const { settled, stats } = await send(service, options, state, withClock);
    const strange = stats.surprises.size > 0 || !settled;
    if (!settled) io.stderr.write('Some events got no answer: the service was away at the end.\n');
    const verdict = options.verify && !io.signal.aborted ? await verify(service, state, withClock) : 0;
    return strange ? 1 : verdict;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    io.stderr.write(`${error.message}\n`);
    if (error instanceof UsageError) return 2;
    if (error instanceof DemoError || error instanceof SenderError) return 1;
    io.stderr.write(`${error.stack}\n`);
    return 1;
  } finally {
    service?.close();
  }
}
