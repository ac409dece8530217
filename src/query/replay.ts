import { randomUUID } from 'node:crypto';
import { HttpProblem } from '../http/problem.ts';
import type { Fix } from '../letters/fix.ts';
import type { GoodEvent, Judge, Judgement, Resend, ResentEvent } from '../letters/judge.ts';
import type { LetterStateRow } from '../store/dead-letters.ts';
import type { StoreReader } from '../store/questions/buckets.ts';
import {
  askLetterSizes,
  askLettersById,
  askStoredIds,
  type DeadLetterRow,
  type LetterPlace,
  type LetterSize,
} from '../store/questions/dead-letters.ts';
import { ask } from './store-problem.ts';

/**
 * Dead letters, sent again or put aside.
 *
 * // 1. select  2. judge  3. look which events are stored already  4. append  5. write down what became of the letters.
 * Nothing is written down before the append was durable. A crash between 4 and 5 leaves letters open whose events are in
 * the log; sent again, they are found by their ids, here or by the pipeline.
 */

/** What acts on letters: the kernel's verdict, the log, and the table of what became of them. */
export interface LetterDesk {
  readonly judge: Judge;
  readonly resend: Resend;
  readonly settle: (rows: readonly LetterStateRow[], queryId: string) => Promise<void>;
}

/** Letters of one call; the rest follows with the cursor. */
export const LETTERS_MAX = 1000;
/** Bytes of their payloads, which all lie in memory. */
const LETTER_BYTES_MAX = 8 * 1024 * 1024;
/** The verdicts on so many letters are given in one go; then others have their turn. */
const LETTERS_PER_TURN = 50;

export interface Selection {
  /** Null: every app, and letters of which no app can be told. */
  readonly apps: readonly string[] | null;
  /** Null: the open ones with the reason. */
  readonly ids: readonly string[] | null;
  readonly reason: string | null;
  readonly after: LetterPlace | null;
  readonly limit: number;
}

export interface Outcome {
  readonly id: string;
  readonly accepted: boolean;
  /** Why not; null when accepted. */
  readonly code: string | null;
  readonly detail: string | null;
  /** Under which the event is stored. */
  readonly eventId: string | null;
  /** The event is stored already, or goes in with another letter of this call. */
  readonly duplicate: boolean;
  /** The event after the fix. */
  readonly payload: string | null;
  /** As it would be stored. */
  readonly event: string | null;
}

export interface Batch {
  readonly rows: readonly DeadLetterRow[];
  /** Ids that were named and are not there. */
  readonly missing: readonly string[];
  /** Where the next call goes on; null at the end. */
  readonly next: LetterPlace | null;
}

/** The letters of one call, in the order of their receipt. */
export async function selectLetters(store: StoreReader, selection: Selection): Promise<Batch> {
  const { apps, ids, after, limit } = selection;
  const found = await ask(
    askLetterSizes(
      store,
      ids === null ? { ...selection, limit: limit + 1 } : { ...selection, after: null, limit: LETTERS_MAX },
    ),
  );
  const known = new Set(found.map(({ id }) => id));
  const missing = after === null ? (ids ?? []).filter((id) => !known.has(id)) : [];
  const waiting = ids === null ? found : found.slice(indexAfter(found, after));
  const taken = takeUpTo(waiting, limit);
  const last = taken.at(-1);
  const rows = await ask(askLettersById(store, { apps, ids: taken.map(({ id }) => id) }));
  return { rows, missing, next: taken.length < waiting.length && last !== undefined ? last : null };
}

function indexAfter(found: readonly LetterSize[], after: LetterPlace | null): number {
  if (after === null) return 0;
  const at = found.findIndex(({ id }) => id === after.id);
  if (at >= 0) return at + 1;
  const later = found.findIndex(({ receivedMs }) => receivedMs > after.receivedMs);
  return later < 0 ? found.length : later;
}

/** At least one, whatever its size. */
function takeUpTo(found: readonly LetterSize[], limit: number): LetterSize[] {
  let bytes = 0;
  const end = found.findIndex((letter, i) => {
    bytes += letter.bytes;
    return i >= limit || (i > 0 && bytes > LETTER_BYTES_MAX);
  });
  return end < 0 ? [...found] : found.slice(0, end);
}

export interface Replay {
  readonly fix: Fix;
  /** As it was given, for the letter's history. */
  readonly fixText: string;
  readonly dryRun: boolean;
  /** The app names that the caller may write to; null: all. */
  readonly apps: readonly string[] | null;
  readonly by: string;
  /** Epoch ms. */
  readonly now: number;
}

/** Sends the events of these letters again, or says what would become of them. An outcome for each, in order. */
export async function replayLetters(
  store: StoreReader,
  desk: LetterDesk,
  rows: readonly DeadLetterRow[],
  replay: Replay,
): Promise<Outcome[]> {
  const judged: { row: DeadLetterRow; judgement: Judgement }[] = [];
  for (const [i, row] of rows.entries()) {
    if (i > 0 && i % LETTERS_PER_TURN === 0) await new Promise(setImmediate);
    judged.push({ row, judgement: judgeRow(desk.judge, row, replay) });
  }
  const stored = await readStored(store, judged);
  const outcomes: Outcome[] = [];
  const ready: ResentEvent[] = [];
  const settled: LetterStateRow[] = [];
  for (const { row, judgement } of judged) {
    const outcome = weigh(row, judgement, stored);
    outcomes.push(outcome);
    if (!judgement.accepted || !outcome.accepted) continue;
    if (!outcome.duplicate) ready.push(resentEvent(row, judgement));
    settled.push(stateRow(row, 'replayed', { ...replay, eventId: judgement.eventId }));
  }
  if (replay.dryRun) return outcomes;
  if (ready.length > 0) await desk.resend(ready);
  await settle(desk, settled);
  return outcomes;
}

/** Puts letters aside. An outcome for each, in order. */
export async function discardLetters(
  desk: LetterDesk,
  rows: readonly DeadLetterRow[],
  discard: { readonly by: string; readonly now: number },
): Promise<Outcome[]> {
  const open = rows.filter(({ state }) => state !== 'replayed');
  await settle(
    desk,
    open
      .filter(({ state }) => state === 'open')
      .map((row) => stateRow(row, 'discarded', { ...discard, fixText: '', eventId: '' })),
  );
  return rows.map((row) =>
    row.state === 'replayed' ? alreadyReplayed(row.id) : { ...NOTHING, id: row.id, accepted: true },
  );
}

async function settle(desk: LetterDesk, rows: readonly LetterStateRow[]): Promise<void> {
  if (rows.length > 0) await ask(desk.settle(rows, `sluice-letters-${randomUUID()}`));
}

const NOTHING = { code: null, detail: null, eventId: null, duplicate: false, payload: null, event: null };

export function refuseLetter(id: string, code: string, detail: string): Outcome {
  return { ...NOTHING, id, accepted: false, code, detail };
}

const alreadyReplayed = (id: string) =>
  refuseLetter(
    id,
    'already_replayed',
    'This letter was replayed before; its history says when, and with which fix.',
  );

function judgeRow(judge: Judge, row: DeadLetterRow, { fix, apps, now }: Replay): Judgement {
  if (row.state === 'replayed') {
    const { code, detail } = alreadyReplayed(row.id);
    return { accepted: false, code: code!, detail: detail!, payload: null };
  }
  const judgement = judge.judge(
    {
      id: row.id,
      reason: row.reason,
      payload: row.payload,
      truncated: row.truncated,
      app: row.app_id,
      receivedAt: row.received_ms,
      sentAt: sentAtOf(row),
    },
    fix,
    now,
  );
  if (!judgement.accepted || apps === null || apps.includes(judgement.app)) return judgement;
  const detail = `The event would go to the app ${JSON.stringify(judgement.app)}, which the credential does not cover.`;
  return { accepted: false, code: 'app_forbidden', detail, payload: judgement.payload };
}

const sentAtOf = (row: DeadLetterRow) => (row.sent_ms < 0 ? null : row.sent_ms);

/** App and event_id -> payload hash, of what is stored. */
type Stored = Map<string, string>;

const storedKey = (app: string, eventId: string) => `${eventId} ${app}`;

async function readStored(
  store: StoreReader,
  judged: readonly { readonly judgement: Judgement }[],
): Promise<Stored> {
  const good = judged.map(({ judgement }) => judgement).filter((judgement) => judgement.accepted);
  const apps = [...new Set(good.map(({ app }) => app))];
  const found = await ask(askStoredIds(store, { apps, ids: good.map(({ eventId }) => eventId) }));
  return new Map(found.map((row) => [storedKey(row.app_id, row.event_id), row.payload_hash]));
}

const TAKEN =
  'An event with this event_id and another payload is stored already. If this one counts too, set an event_id of its own, or remove it; else discard the letter.';

/** The verdict in the light of what is stored, and of the letters before it, which it is added to. */
function weigh({ id }: DeadLetterRow, judgement: Judgement, stored: Stored): Outcome {
  const { payload } = judgement;
  if (!judgement.accepted) return { ...refuseLetter(id, judgement.code, judgement.detail), payload };
  const { eventId, event, payloadHash } = judgement;
  const key = storedKey(judgement.app, eventId);
  const known = stored.get(key);
  stored.set(key, known ?? payloadHash);
  if (known !== undefined && known !== payloadHash)
    return { ...refuseLetter(id, 'id_collision', TAKEN), eventId, payload, event };
  return { ...NOTHING, id, accepted: true, duplicate: known !== undefined, eventId, payload, event };
}

function resentEvent(row: DeadLetterRow, { line, keyHash }: GoodEvent): ResentEvent {
  return {
    letterId: row.id,
    line,
    keyHash,
    receivedAt: row.received_ms,
    sentAt: sentAtOf(row),
    app: row.app_id,
    userAgent: row.user_agent,
    country: row.country,
    path: row.source_path,
  };
}

function stateRow(
  row: DeadLetterRow,
  state: LetterStateRow['state'],
  by: { readonly by: string; readonly now: number; readonly fixText: string; readonly eventId: string },
): LetterStateRow {
  const { eventId, fixText: fix, now: changedAt } = by;
  return { id: row.id, state, eventId, fix, by: by.by, changedAt, receivedAt: row.received_ms };
}

/** For a process that cannot append. */
export function noDesk(): HttpProblem {
  return new HttpProblem(
    'log_unavailable',
    'This process has no log to send events to; ask another replica.',
    {
      retryAfterMs: 5_000,
    },
  );
}
