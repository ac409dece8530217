import { compilePlan, type PlanCheck, type PlanFault } from './schema.ts';

/**
 * Which plan an event has. A plan is in force from a moment on, and the moment that counts is the one at which the event
 * came into the log: so who reads the log again decides as it was decided first, whatever was planned since.
 */

export type PlanMode = 'warn' | 'quarantine';

/** One state of a plan; in force until the next one of the same event and app. */
export interface PlanRevision {
  readonly event_name: string;
  /** Null: of every app that has no plan of its own for the event. */
  readonly app_id: string | null;
  /** Epoch ms from which on it is in force. */
  readonly effectiveAt: number;
  /** Null: from here on there is no plan. */
  readonly plan: { readonly mode: PlanMode; readonly schema: unknown } | null;
}

export interface PlanBreach extends PlanFault {
  readonly mode: PlanMode;
}

interface State {
  readonly effectiveAt: number;
  readonly mode: PlanMode;
  readonly check: PlanCheck | null;
}

export class PlanBook {
  /** By event name, then by app; '' is every app. States the latest first. */
  #byEvent = new Map<string, Map<string, State[]>>();
  #edition = 0;

  /** Nothing was ever planned: nobody has to ask. */
  get isEmpty(): boolean {
    return this.#byEvent.size === 0;
  }

  /** Another number after each `load`. */
  get edition(): number {
    return this.#edition;
  }

  /** Takes the place of all that was known. Throws PlanSchemaError for a schema that was never accepted. */
  load(revisions: readonly PlanRevision[]): void {
    const byEvent = new Map<string, Map<string, State[]>>();
    for (const { event_name, app_id, effectiveAt, plan } of revisions) {
      const byApp = byEvent.getOrInsertComputed(event_name, () => new Map<string, State[]>());
      const states = byApp.getOrInsertComputed(app_id ?? '', () => []);
      const check = plan === null ? null : compilePlan(plan.schema);
      states.push({ effectiveAt, mode: plan?.mode ?? 'warn', check });
    }
    for (const byApp of byEvent.values())
      for (const states of byApp.values()) states.sort((a, b) => b.effectiveAt - a.effectiveAt);
    this.#byEvent = byEvent;
    this.#edition += 1;
  }

  /** Whether any app ever had a plan for it: a cheap question that most events answer with no. */
  plans(event: string): boolean {
    return this.#byEvent.has(event);
  }

  /**
   * What an event has against its plan; null when nothing, or when there is none.
   * @param at epoch ms at which it came into the log
   * @param properties JSON text, asked for when there is a plan
   */
  judge(event: string, app: string, at: number, properties: () => string): PlanBreach | null {
    const byApp = this.#byEvent.get(event);
    if (byApp === undefined) return null;
    const state = inForce(byApp.get(app), at) ?? inForce(byApp.get(''), at);
    const fault = state?.check?.(properties()) ?? null;
    return fault === null ? null : { ...fault, mode: state!.mode };
  }
}

/** None when it was deleted by then. */
function inForce(states: readonly State[] | undefined, at: number): State | null {
  const state = states?.find(({ effectiveAt }) => effectiveAt <= at) ?? null;
  return state?.check ? state : null;
}
