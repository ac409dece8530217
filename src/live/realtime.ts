/**
 * Who is watching now: the five numbers of product §5 over the last 60 seconds by time of receipt, kept up to date
 * event by event, so that reading them costs no more than reading a few totals.
 *
 * In: rows as they were stored, bots marked. Out: snapshots. What can be lost: nothing that ClickHouse does not have;
 * the state is rebuilt from there.
 *
 * A view is remembered for `viewMemoryMs` after its last event, so that a late event cannot revive one that ended and a
 * bitrate said long ago still counts. When `viewsMax` views are held, those silent for longest are forgotten first;
 * when all of them are within the window, further views are not tracked (`untracked` counts their events) and viewers,
 * streams and bandwidth become lower bounds, while the counts of events stay exact.
 */
import { eventKinds } from '../event/event.ts';
import { rowFlag } from '../event/kernel.ts';
import { BITRATE_MAX, type ReceivedRow, realtimeKinds, type ViewRow } from '../store/questions/realtime.ts';
import { AppSlots } from './app-slots.ts';
import { EventWindow } from './event-window.ts';
import { RefCounts } from './ref-counts.ts';
import { RealtimeSnapshot } from './snapshot.ts';
import { ViewLists, viewFlag } from './view-lists.ts';
import { VIEW_FLOATS, VIEW_WORDS, ViewTable, viewFloat, viewWord } from './view-table.ts';

/** Columns of a block, of at least `end` rows. */
export interface LiveRows {
  readonly start: number;
  readonly end: number;
  readonly kind: Uint8Array;
  readonly flags: Uint32Array;
  /** Epoch ms, like `receivedAt`. */
  readonly timestamp: Float64Array;
  readonly receivedAt: Float64Array;
  /** Two words a row, low first; 0, 0 for none. */
  readonly viewWords: Uint32Array;
  readonly actorWords: Uint32Array;
  readonly streamWords: Uint32Array;
  /** Bit/s; NaN when unknown. */
  readonly bitrate: Float64Array;
  readonly appHash: Uint32Array;
  /** 1 for a bot's event; null when there is none. */
  readonly isBot: Uint8Array | null;
  /** Whether the row names a stream itself, rather than standing under its video. Asked rarely. */
  saysStream(row: number): boolean;
}

export interface RealtimeOptions {
  /** Epoch ms. */
  readonly now: number;
  /** About 110 bytes each; memory grows as they come. Default 1,000,000. */
  readonly viewsMax?: number;
  /** Apps with numbers of their own at one time. Default 10,000. */
  readonly appsMax?: number;
  /** At least the window. Default 30 minutes. */
  readonly viewMemoryMs?: number;
}

export interface RealtimeStats {
  /** Views remembered, active or not. */
  readonly views: number;
  /** Events so far of views that there was no room for. */
  readonly untracked: number;
}

const BEGINS = 1;
const STOPS = 2;
const STOPS_WHEN_FATAL = 4;
const ERROR = 8;
const roles = kindRoles();

function kindRoles(): Uint8Array {
  const table = new Uint8Array(256);
  for (const name of realtimeKinds.begins) table[eventKinds[name]]! |= BEGINS;
  for (const name of realtimeKinds.stops) table[eventKinds[name]]! |= STOPS;
  for (const name of realtimeKinds.errors) table[eventKinds[name]]! |= ERROR;
  table[eventKinds[realtimeKinds.stopsWhenFatal]]! |= STOPS_WHEN_FATAL;
  return table;
}

/** Rows whose views are fetched side by side; few enough that they are still in the caches when their turn comes. */
const TOUCHED_AT_ONCE = 256;

export class RealtimeState {
  readonly #apps: AppSlots;
  readonly #window: EventWindow;
  readonly #views: ViewTable;
  readonly #lists: ViewLists;
  readonly #viewers = new RefCounts();
  readonly #streams = new RefCounts();
  #untracked = 0;

  constructor(options: RealtimeOptions) {
    const { now, viewsMax = 1_000_000, appsMax = 10_000, viewMemoryMs = 30 * 60_000 } = options;
    this.#apps = new AppSlots(appsMax);
    this.#window = new EventWindow(this.#apps, now);
    this.#views = new ViewTable(viewsMax);
    this.#lists = new ViewLists(this.#views, {
      tail: this.#window.tail,
      memoryMs: viewMemoryMs,
      onSilent: (id) => this.#deactivate(id),
      onForgotten: (id) => this.#forget(id),
    });
  }

  get stats(): RealtimeStats {
    return { views: this.#views.size, untracked: this.#untracked };
  }

  /** Takes events, in the order of the log. They need not come in the order of their receipt. */
  apply(rows: LiveRows): void {
    const { kind, receivedAt, appHash, viewWords, isBot } = rows;
    let runAt = -1;
    let runHash = -1;
    let app = -1;
    let events = 0;
    let errors = 0;
    for (let row = rows.start; row < rows.end; row++) {
      if ((row - rows.start) % TOUCHED_AT_ONCE === 0) {
        const end = Math.min(row + TOUCHED_AT_ONCE, rows.end);
        this.#views.touch(viewWords, row, end);
        this.#viewers.touch(rows.actorWords, row, end);
      }
      if (isBot !== null && isBot[row] === 1) continue;
      if (receivedAt[row] !== runAt || appHash[row] !== runHash) {
        if (app >= 0) this.#endRun(runAt, app, events, errors);
        runAt = receivedAt[row]!;
        runHash = appHash[row]!;
        app = this.#apps.hold(runHash);
        events = 0;
        errors = 0;
      }
      events++;
      const role = roles[kind[row]!]!;
      if ((role & ERROR) !== 0) errors++;
      if ((viewWords[row * 2]! | viewWords[row * 2 + 1]!) !== 0) this.#applyToView(rows, row, role, app);
    }
    if (app >= 0) this.#endRun(runAt, app, events, errors);
  }

  /** A view as ClickHouse tells it. Before any `apply`. */
  restoreView(row: ViewRow): void {
    if (row.receivedAt <= this.#window.tail || this.#views.find(row.viewLow, row.viewHigh) !== 0) return;
    const app = this.#apps.hold(row.appHash);
    const id = this.#open(row.viewLow, row.viewHigh, app, row.receivedAt);
    this.#apps.release(app);
    if (id === 0) return;
    const { floats, words } = this.#views;
    const f = id * VIEW_FLOATS;
    const w = id * VIEW_WORDS;
    floats[f + viewFloat.latestAt] = row.latestAt;
    floats[f + viewFloat.firstAt] = row.firstAt ?? Infinity;
    floats[f + viewFloat.bitrateAt] = row.bitrateAt ?? -Infinity;
    floats[f + viewFloat.bitrate] = row.bitrate;
    floats[f + viewFloat.streamAt] = row.streamAt ?? -Infinity;
    words[w + viewWord.actorLow] = row.actorLow;
    words[w + viewWord.actorHigh] = row.actorHigh;
    words[w + viewWord.streamLow] = row.streamLow;
    words[w + viewWord.streamHigh] = row.streamHigh;
    if (row.stopped) words[w + viewWord.flags]! |= viewFlag.stopped;
    this.#activate(id);
  }

  /** Events of one app and millisecond, of whatever kind. Before any `apply`. */
  restoreReceived(row: ReceivedRow): void {
    const app = this.#apps.hold(row.appHash);
    this.#endRun(row.receivedAt, app, row.events, row.errors);
  }

  /** The numbers of the 60 seconds that end at `now`, epoch ms. Time that goes backwards stands still. */
  snapshot(now: number): RealtimeSnapshot {
    this.#window.advance(now);
    this.#lists.advance(this.#window.tail);
    return new RealtimeSnapshot(this.#window.head, this.#apps.numbers());
  }

  #endRun(receivedAt: number, app: number, events: number, errors: number): void {
    this.#window.add(receivedAt, app, events, errors);
    this.#apps.release(app);
  }

  #applyToView(rows: LiveRows, row: number, role: number, app: number): void {
    const low = rows.viewWords[row * 2]!;
    const high = rows.viewWords[row * 2 + 1]!;
    const receivedAt = rows.receivedAt[row]!;
    let id = this.#views.find(low, high);
    if (id === 0) {
      id = this.#open(low, high, app, receivedAt);
      if (id === 0) return;
      this.#takeStream(id, rows, row);
    } else {
      this.#lists.heard(id, receivedAt);
      const words = this.#views.words;
      const w = id * VIEW_WORDS;
      const stays =
        words[w + viewWord.streamLow] === rows.streamWords[row * 2] &&
        words[w + viewWord.streamHigh] === rows.streamWords[row * 2 + 1];
      if (!stays) this.#takeStream(id, rows, row);
      else if (this.#views.floats[id * VIEW_FLOATS + viewFloat.streamAt]! < rows.timestamp[row]!)
        this.#confirmStream(id, rows.timestamp[row]!);
    }
    this.#takeFacts(id, rows, row, role);
    this.#activate(id);
  }

  #takeFacts(id: number, rows: LiveRows, row: number, role: number): void {
    const { floats, words } = this.#views;
    const f = id * VIEW_FLOATS;
    const w = id * VIEW_WORDS;
    const timestamp = rows.timestamp[row]!;
    if (timestamp >= floats[f + viewFloat.latestAt]!) {
      floats[f + viewFloat.latestAt] = timestamp;
      const fatal = (role & STOPS_WHEN_FATAL) !== 0 && (rows.flags[row]! & rowFlag.fatal) !== 0;
      if (fatal || (role & STOPS) !== 0) {
        this.#deactivate(id);
        words[w + viewWord.flags]! |= viewFlag.stopped;
      } else words[w + viewWord.flags]! &= ~viewFlag.stopped;
    }
    if ((role & BEGINS) !== 0 && timestamp < floats[f + viewFloat.firstAt]!) {
      this.#deactivate(id);
      floats[f + viewFloat.firstAt] = timestamp;
      words[w + viewWord.actorLow] = rows.actorWords[row * 2]!;
      words[w + viewWord.actorHigh] = rows.actorWords[row * 2 + 1]!;
    }
    const bitrate = rows.bitrate[row]!;
    if (bitrate >= 0 && timestamp >= floats[f + viewFloat.bitrateAt]!) {
      floats[f + viewFloat.bitrateAt] = timestamp;
      // Whole numbers, so that a sum from which all was taken again is 0.
      const whole = Math.round(Math.min(bitrate, BITRATE_MAX));
      if (whole !== floats[f + viewFloat.bitrate]) {
        this.#deactivate(id);
        floats[f + viewFloat.bitrate] = whole;
      }
    }
  }

  /** The row has another stream than the view, or is the view's first. The stream said last counts, else the video. */
  #takeStream(id: number, rows: LiveRows, row: number): void {
    const { floats, words } = this.#views;
    const said = rows.saysStream(row);
    const at = id * VIEW_FLOATS + viewFloat.streamAt;
    const w = id * VIEW_WORDS;
    const none = (words[w + viewWord.streamLow]! | words[w + viewWord.streamHigh]!) === 0;
    if (said ? rows.timestamp[row]! < floats[at]! : !none) return;
    this.#deactivate(id);
    words[w + viewWord.streamLow] = rows.streamWords[row * 2]!;
    words[w + viewWord.streamHigh] = rows.streamWords[row * 2 + 1]!;
    if (said) floats[at] = rows.timestamp[row]!;
  }

  #confirmStream(id: number, timestamp: number): void {
    const at = id * VIEW_FLOATS + viewFloat.streamAt;
    if (this.#views.floats[at]! > -Infinity) this.#views.floats[at] = timestamp;
  }

  /** A new view without facts, or 0 when there is no room or it would be forgotten at once. */
  #open(low: number, high: number, app: number, receivedAt: number): number {
    if (this.#lists.isForgotten(receivedAt)) return 0;
    if (this.#views.full && !this.#lists.makeRoom()) {
      this.#untracked++;
      return 0;
    }
    const id = this.#views.add(low, high);
    const { floats, words } = this.#views;
    const f = id * VIEW_FLOATS;
    const w = id * VIEW_WORDS;
    floats[f + viewFloat.latestAt] = -Infinity;
    floats[f + viewFloat.firstAt] = Infinity;
    floats[f + viewFloat.bitrateAt] = -Infinity;
    floats[f + viewFloat.bitrate] = 0;
    floats[f + viewFloat.streamAt] = -Infinity;
    floats[f + viewFloat.receivedAt] = receivedAt;
    words[w + viewWord.actorLow] = 0;
    words[w + viewWord.actorHigh] = 0;
    words[w + viewWord.streamLow] = 0;
    words[w + viewWord.streamHigh] = 0;
    words[w + viewWord.flags] = 0;
    words[w + viewWord.app] = app;
    this.#apps.holdAgain(app);
    this.#lists.file(id);
    return id;
  }

  #forget(id: number): void {
    const app = this.#views.words[id * VIEW_WORDS + viewWord.app]!;
    this.#views.remove(id);
    this.#apps.release(app);
  }

  /** Counts the view when it is active and not counted yet. */
  #activate(id: number): void {
    const { floats, words } = this.#views;
    const w = id * VIEW_WORDS;
    const f = id * VIEW_FLOATS;
    if ((words[w + viewWord.flags]! & (viewFlag.counted | viewFlag.stopped)) !== 0) return;
    if (floats[f + viewFloat.firstAt] === Infinity) return;
    if (floats[f + viewFloat.receivedAt]! <= this.#window.tail) return;
    words[w + viewWord.flags]! |= viewFlag.counted;
    const app = words[w + viewWord.app]!;
    this.#apps.bitsPerSecond[app]! += floats[f + viewFloat.bitrate]!;
    const actorLow = words[w + viewWord.actorLow]!;
    const actorHigh = words[w + viewWord.actorHigh]!;
    if ((actorLow | actorHigh) !== 0 && this.#viewers.retain(actorLow, actorHigh, app))
      this.#apps.viewers[app]!++;
    const streamLow = words[w + viewWord.streamLow]!;
    const streamHigh = words[w + viewWord.streamHigh]!;
    if (this.#streams.retain(streamLow, streamHigh, app)) this.#apps.streams[app]!++;
  }

  /** Stops counting the view, when it is counted. Whatever it is counted by may change afterwards, not before. */
  #deactivate(id: number): void {
    const { floats, words } = this.#views;
    const w = id * VIEW_WORDS;
    if ((words[w + viewWord.flags]! & viewFlag.counted) === 0) return;
    words[w + viewWord.flags]! &= ~viewFlag.counted;
    const app = words[w + viewWord.app]!;
    this.#apps.bitsPerSecond[app]! -= floats[id * VIEW_FLOATS + viewFloat.bitrate]!;
    const actorLow = words[w + viewWord.actorLow]!;
    const actorHigh = words[w + viewWord.actorHigh]!;
    if ((actorLow | actorHigh) !== 0) {
      const owner = this.#viewers.release(actorLow, actorHigh);
      if (owner >= 0) this.#apps.viewers[owner]!--;
    }
    const owner = this.#streams.release(words[w + viewWord.streamLow]!, words[w + viewWord.streamHigh]!);
    if (owner >= 0) this.#apps.streams[owner]!--;
  }
}
