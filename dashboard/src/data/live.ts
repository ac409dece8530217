import { createStore, type Store } from '../state/store.ts';
import { startLine } from './line.ts';
import type { AnalyticsEvent, Realtime } from './types.ts';

/**
 * The live line: one WebSocket for the whole page. In: realtime metrics each second, sampled events when asked.
 * It reconnects by itself, waits longer after each failure, and says when what it shows has grown old.
 */
export type LiveState = 'connecting' | 'live' | 'stale' | 'offline';

export interface LiveNow {
  state: LiveState;
  metrics: Realtime | null;
  /** Epoch ms of the last message; 0 before the first. */
  heardAt: number;
  /** Epoch ms of the next try, while offline. */
  retryAt: number;
}

export interface Subscription {
  app_id?: string;
  event_name?: string[];
  video_id?: string;
  events: boolean;
}

export interface Live {
  now: Store<LiveNow>;
  /** Says what to send; asked again after each reconnect. */
  subscribe(subscription: Subscription): void;
  onEvent(listener: (event: AnalyticsEvent) => void): () => void;
  retry(): void;
  /** Hangs up and connects anew, with whatever credential there is now. */
  renew(): void;
  stop(): void;
}

const STALE_AFTER_MS = 5_000;
const DEAD_AFTER_MS = 15_000;

interface Message {
  type: string;
  payload?: unknown;
}

function readMessage(text: string): Message | null {
  try {
    const message = JSON.parse(text) as Message;
    return typeof message?.type === 'string' ? message : null;
  } catch {
    return null;
  }
}

/** @param address gives the WebSocket's URL, asked before each connection; null where none would be let in. */
export function startLive(address: () => string | null, random: () => number = Math.random): Live {
  const now = createStore<LiveNow>({ state: 'connecting', metrics: null, heardAt: 0, retryAt: 0 });
  const listeners = new Set<(event: AnalyticsEvent) => void>();
  let wanted: Subscription = { events: false };
  const put = (part: Partial<LiveNow>): void => now.set({ ...now.get(), ...part });
  const sendWanted = (): void => line.send(JSON.stringify({ type: 'subscribe', payload: wanted }));

  function hear(text: string): void {
    const message = readMessage(text);
    if (message?.type === 'realtime_metrics') {
      line.settle();
      put({ state: 'live', metrics: message.payload as Realtime, heardAt: Date.now() });
    } else if (message?.type === 'analytics_event') {
      const payload = message.payload as { event?: AnalyticsEvent } & AnalyticsEvent;
      for (const listener of listeners) listener(payload.event ?? payload);
    }
  }

  function watch(): void {
    const { state, heardAt } = now.get();
    const silentMs = Date.now() - heardAt;
    if (state === 'live' && silentMs > STALE_AFTER_MS) put({ state: 'stale' });
    if (state === 'stale' && silentMs > DEAD_AFTER_MS) line.giveUp();
  }

  const onLost = (retryAt: number): void => put({ state: 'offline', retryAt });
  const line = startLine(address, { onOpen: sendWanted, onText: hear, onLost }, random);
  const onVisible = (): void => {
    if (!document.hidden) line.retry();
  };
  const watchTimer = setInterval(watch, 1_000);
  window.addEventListener('online', line.retry);
  document.addEventListener('visibilitychange', onVisible);

  return {
    now,
    subscribe(subscription) {
      if (JSON.stringify(subscription) === JSON.stringify(wanted)) return;
      wanted = subscription;
      sendWanted();
    },
    onEvent(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    retry: line.retry,
    renew() {
      put({ metrics: null, heardAt: 0 });
      line.giveUp();
      line.retry();
    },
    stop() {
      clearInterval(watchTimer);
      window.removeEventListener('online', line.retry);
      document.removeEventListener('visibilitychange', onVisible);
      line.stop();
    },
  };
}
