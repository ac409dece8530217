/**
 * How the parts of this process are. Parts report when they change, or are asked when someone looks; the answer to
 * `/health` and `/ready` is put together from them.
 */
export type PartState = 'ok' | 'degraded' | 'down';

export interface PartReport {
  readonly name: string;
  readonly state: PartState;
  /** Why not ok, as a sentence for the operator; null when ok. */
  readonly reason: string | null;
}

export interface Part {
  ok(): void;
  degraded(reason: string): void;
  down(reason: string): void;
}

export interface RoleGate {
  serving(): void;
  stopped(reason: string): void;
}

interface PartOptions {
  /** Events cannot be taken while this part is down: then the whole is `down`, else only `degraded`. */
  readonly vital: boolean;
}

export interface HealthReport {
  /** `down` exactly when events cannot be taken. */
  readonly status: PartState;
  readonly parts: readonly PartReport[];
}

export interface Health {
  /** Adds a part that reports itself; it is down, `starting`, until it does. */
  part(name: string, options: PartOptions): Part;
  /** Adds a part that is asked at each look. */
  probe(name: string, options: PartOptions, look: () => { state: PartState; reason: string | null }): void;
  /** Adds a role that `/ready` waits for. */
  role(name: string): RoleGate;
  /** From now on not ready, so that no new traffic is sent here. */
  closing(): void;
  report(): HealthReport;
  /** `waiting` tells what it waits for, as `role: reason`. */
  ready(): { readonly ready: boolean; readonly waiting: readonly string[] };
}

export function createHealth(): Health {
  const parts = new Map<
    string,
    { vital: boolean; look: () => { state: PartState; reason: string | null } }
  >();
  const roles = new Map<string, string | null>();
  let closing = false;

  return {
    part(name, { vital }) {
      let current: { state: PartState; reason: string | null } = { state: 'down', reason: 'starting' };
      parts.set(name, { vital, look: () => current });
      return {
        ok: () => {
          current = { state: 'ok', reason: null };
        },
        degraded: (reason) => {
          current = { state: 'degraded', reason };
        },
        down: (reason) => {
          current = { state: 'down', reason };
        },
      };
    },
    probe(name, { vital }, look) {
      parts.set(name, { vital, look });
    },
    role(name) {
      roles.set(name, 'starting');
      return {
        serving: () => roles.set(name, null),
        stopped: (reason) => roles.set(name, reason),
      };
    },
    closing() {
      closing = true;
    },
    report() {
      let status: PartState = 'ok';
      const reports: PartReport[] = [];
      for (const [name, { vital, look }] of parts) {
        const { state, reason } = look();
        reports.push({ name, state, reason });
        if (state === 'down' && vital) status = 'down';
        else if (state !== 'ok' && status === 'ok') status = 'degraded';
      }
      return { status, parts: reports };
    },
    ready() {
      const waiting = closing ? ['process: stopping'] : [];
      for (const [name, reason] of roles) if (reason !== null) waiting.push(`${name}: ${reason}`);
      return { ready: waiting.length === 0, waiting };
    },
  };
}
