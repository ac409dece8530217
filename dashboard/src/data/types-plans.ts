/** Tracking plans as the service has them. */

export type PlanMode = 'warn' | 'quarantine';

/** As `PUT /v1/plans/{event_name}` takes it. */
export interface PlanDefinition {
  mode: PlanMode;
  /** JSON Schema of `properties`. */
  schema: unknown;
  description: string | null;
  owner: string | null;
}

export interface Plan extends PlanDefinition {
  event_name: string;
  /** Null: every app that has no plan of its own for the event. */
  app_id: string | null;
  updated_at: string;
  effective_at: string;
  /** Of seven days, where it was asked for. */
  violations?: number;
}

/** One kind of difference between events and their plan. */
export interface Violation {
  app_id: string;
  mode: PlanMode;
  path: string;
  expected: string;
  count: number;
  last_seen: string;
  event_id: string;
}

export interface PlanWithViolations extends Omit<Plan, 'violations'> {
  violations: Violation[];
}

export interface PlanCheck {
  checked: number;
  violations: number;
  /** Without id, app and time for properties that were typed. */
  examples: {
    event_id: string | null;
    app_id: string | null;
    timestamp: string | null;
    path: string;
    expected: string;
  }[];
}
