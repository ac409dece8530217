/** A WebSocket that comes back: it waits longer after each failure and drops a line that fell silent. */
export interface Line {
  send(text: string): void;
  /** Connects at once, if it is not connected. */
  retry(): void;
  /** Call when something worth hearing came: the next wait is short again. */
  settle(): void;
  /** Closes a line that was cut without a goodbye, which never closes by itself. */
  giveUp(): void;
  stop(): void;
}

export interface LineEvents {
  onOpen(): void;
  onText(text: string): void;
  /** @param retryAt epoch ms of the next try */
  onLost(retryAt: number): void;
}

const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 15_000;

/** @param address gives the WebSocket's URL, asked before each connection; null where none would be let in. */
export function startLine(address: () => string | null, events: LineEvents, random: () => number): Line {
  let socket: WebSocket | null = null;
  let failures = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;

  function retryLater(): void {
    if (stopped) return;
    failures += 1;
    // Jitter over the upper half, so that a restart of the service is not met by all pages at once.
    const ceiling = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (failures - 1));
    const waitMs = ceiling / 2 + (random() * ceiling) / 2;
    events.onLost(Date.now() + waitMs);
    clearTimeout(timer);
    timer = setTimeout(connect, waitMs);
  }

  function connect(): void {
    clearTimeout(timer);
    if (stopped || socket !== null) return;
    const url = address();
    if (url === null) {
      retryLater();
      return;
    }
    const opened = new WebSocket(url);
    socket = opened;
    opened.onopen = () => events.onOpen();
    opened.onmessage = (event) => {
      if (opened === socket && typeof event.data === 'string') events.onText(event.data);
    };
    opened.onclose = () => {
      if (opened !== socket) return;
      socket = null;
      retryLater();
    };
  }

  function drop(): void {
    const dead = socket;
    socket = null;
    dead?.close();
  }

  connect();
  return {
    send(text) {
      if (socket?.readyState === WebSocket.OPEN) socket.send(text);
    },
    retry() {
      if (socket !== null) return;
      failures = 0;
      connect();
    },
    settle() {
      failures = 0;
    },
    giveUp() {
      if (socket === null) return;
      drop();
      retryLater();
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
      drop();
    },
  };
}
