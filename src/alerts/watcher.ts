import type { AlertChange, AlertState, AlertWatch } from '../catalog/alert-watch.ts';
import type { AlertCatalog, AlertRule, BuiltInAlert } from '../catalog/alerts.ts';
import { createNotices, type EndReason, type NoticeSubject } from './notice.ts';
import { nextState, type Reading, type Watched } from './phase.ts';

/**
 * Looks at every alert, and records what they became. Of several processes one does: whoever holds the lease in the
 * catalogue. What it finds is recorded together with what is to be told of it, or not at all.
 */

export interface WatcherOptions {
  readonly catalog: { readonly alerts: AlertCatalog; readonly alertWatch: AlertWatch };
  readonly builtIns: readonly BuiltInAlert[];
  /** Who is told of those. */
  readonly builtInUrls: readonly string[];
  /** Of this process; no other has it. */
  readonly holder: string;
  /** How long the lease is good without being renewed; longer than one reading takes. */
  readonly leaseMs: number;
  /** A condition that was not looked at for longer is not known to have held. */
  readonly gapMaxMs: number;
  readonly readBuiltIn: (alert: BuiltInAlert) => Promise<number | null>;
  readonly readRule: (rule: AlertRule, now: number) => Promise<number | null>;
  /** What is said of a reading that failed to those who may see the alert. */
  readonly describeFailure: (error: unknown) => string;
  readonly observer: WatcherObserver;
  /** Epoch ms. */
  readonly now: () => number;
}

export interface WatcherObserver {
  evaluated(outcome: 'ok' | 'failed'): void;
  failed(stage: string, error: unknown): void;
}

/** What became of a round: `elsewhere` when another process watches. */
export type RoundOutcome = 'recorded' | 'elsewhere';

type Subject = Watched & NoticeSubject & { readonly read: () => Promise<number | null> };

/** One round. Rejects when the catalogue does not answer. */
export async function watchOnce(options: WatcherOptions): Promise<RoundOutcome> {
  const { catalog, holder, leaseMs, now, gapMaxMs } = options;
  const watch = catalog.alertWatch;
  if (!(await watch.takeLease(holder, leaseMs))) return 'elsewhere';
  const rules = await catalog.alerts.list();
  const before = new Map((await watch.states()).map((state) => [state.name, state]));
  const changes: AlertChange[] = [];
  for (const subject of listSubjects(options, rules)) {
    const reading = await read(subject, options);
    // An answer may take its time; a lease that was lost must not be taken back in the middle of a round.
    if (!(await watch.renewLease(holder, leaseMs))) return 'elsewhere';
    const known = before.get(subject.name) ?? null;
    changes.push(describe(subject, known, nextState(subject, known, reading, now(), gapMaxMs), now()));
    before.delete(subject.name);
  }
  for (const state of before.values()) changes.push(end(state, rules, now()));
  return (await watch.record(holder, changes)) ? 'recorded' : 'elsewhere';
}

function listSubjects(options: WatcherOptions, rules: readonly AlertRule[]): Subject[] {
  const { builtIns, builtInUrls, readBuiltIn, readRule, now } = options;
  return [
    ...builtIns.map((alert) => ({
      ...alert,
      app_id: null,
      urls: builtInUrls,
      read: () => readBuiltIn(alert),
    })),
    ...rules
      .filter(({ enabled }) => enabled)
      .map((rule) => ({
        ...rule,
        urls: rule.webhook_url === null ? [] : [rule.webhook_url],
        read: () => readRule(rule, now()),
      })),
  ];
}

async function read(
  { name, read }: Subject,
  { observer, describeFailure }: WatcherOptions,
): Promise<Reading> {
  try {
    const value = await read();
    observer.evaluated('ok');
    return { value };
  } catch (error) {
    observer.evaluated('failed');
    observer.failed(`the alert ${JSON.stringify(name)}`, error);
    return { failure: describeFailure(error) };
  }
}

/** What is to be recorded of it. Who was told of the beginning is told of the end, whatever the rule says meanwhile. */
function describe(
  alert: NoticeSubject | null,
  before: AlertState | null,
  state: AlertState,
  now: number,
  reason: EndReason = 'condition_ended',
): AlertChange {
  const was = before?.state ?? 'ok';
  if (was === state.state) return { state, transition: null, notices: [] };
  const transition = { was, became: state.state, value: state.value, threshold: alert?.threshold ?? null };
  const at = new Date(now).toISOString();
  const begins = state.state === 'firing';
  const ends = was === 'firing' && before !== null;
  const notices = begins
    ? createNotices(alert, state, state.told, { at, since: state.since, reason: null })
    : ends
      ? createNotices(alert, state, before.told, { at, since: before.since, reason })
      : [];
  return { state, transition, notices };
}

/** Of one that nobody watches any more. */
function end(before: AlertState, rules: readonly AlertRule[], now: number): AlertChange {
  const rule = rules.find(({ name }) => name === before.name) ?? null;
  const since = new Date(now).toISOString();
  const state: AlertState = { ...before, state: 'ok', since, told: [] };
  return { ...describe(rule, before, state, now, rule === null ? 'deleted' : 'disabled'), isGone: true };
}
