import type { Kysely, Selectable } from 'kysely';
import type { CatalogTables, PlansTable } from './tables.ts';

/**
 * Tracking plans, with their history: what was in force when an event came has to be known when the log is read again.
 * Nothing is overwritten; a change and a deletion are revisions of their own.
 */

export interface PlanDefinition {
  readonly mode: 'warn' | 'quarantine';
  /** JSON Schema of `properties`. */
  readonly schema: unknown;
  readonly description: string | null;
  readonly owner: string | null;
}

export interface PlanKey {
  readonly event_name: string;
  /** Null: every app that has no plan of its own for the event. */
  readonly app_id: string | null;
}

export interface CatalogPlan extends PlanKey, PlanDefinition {
  /** ISO 8601 UTC with ms: when it was put last. */
  readonly updated_at: string;
  /** Events that come into the log from here on are held against it. */
  readonly effective_at: string;
}

export interface CatalogPlanRevision extends PlanKey {
  /** Epoch ms. */
  readonly effectiveAt: number;
  readonly plan: PlanDefinition | null;
}

export interface PlanCatalog {
  /** Texts may not hold U+0000. What is the same already stays as it is. */
  put(key: PlanKey, definition: PlanDefinition): Promise<CatalogPlan>;
  get(key: PlanKey): Promise<CatalogPlan | null>;
  /** By event name, then by app. */
  list(): Promise<CatalogPlan[]>;
  /** False when there was none. */
  delete(key: PlanKey): Promise<boolean>;
  /** Another text after any change. */
  version(): Promise<string>;
  revisions(): Promise<CatalogPlanRevision[]>;
}

/** A change is in force so much later: by then every process has read it. */
export const PLAN_LEAD_MS = 5_000;
/** Of one event and app; older ones are forgotten. */
const REVISIONS_MAX = 200;
const ATTEMPTS_MAX = 10;

export function createPlanCatalog(db: Kysely<CatalogTables>, now: () => number): PlanCatalog {
  const latest = async ({ event_name, app_id }: PlanKey) =>
    await db
      .selectFrom('plans')
      .selectAll()
      .where('event_name', '=', event_name)
      .where('app_id', '=', app_id ?? '')
      .orderBy('revision', 'desc')
      .limit(1)
      .executeTakeFirst();

  /** The new revision; the last one when that says the same. */
  async function revise(key: PlanKey, definition: string | null): Promise<Selectable<PlansTable>> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const before = await latest(key);
      if (before !== undefined && before.definition === definition) return before;
      const at = now();
      // Revisions take effect in their order, whatever the clocks of their writers say.
      const after = before === undefined ? 0 : Date.parse(before.effective_at) + 1;
      const revision = (before?.revision ?? 0) + 1;
      const row = {
        event_name: key.event_name,
        app_id: key.app_id ?? '',
        revision,
        definition,
        created_at: new Date(at).toISOString(),
        effective_at: new Date(Math.max(at + PLAN_LEAD_MS, after)).toISOString(),
      };
      const added = await db
        .insertInto('plans')
        .values(row)
        .onConflict((conflict) => conflict.columns(['event_name', 'app_id', 'revision']).doNothing())
        .executeTakeFirst();
      // Somebody else was faster: look again at what is there now.
      if (added.numInsertedOrUpdatedRows !== 1n) continue;
      await db
        .deleteFrom('plans')
        .where('event_name', '=', row.event_name)
        .where('app_id', '=', row.app_id)
        .where('revision', '<=', revision - REVISIONS_MAX)
        .execute();
      return row;
    }
    throw new Error(`the plan of ${key.event_name} is changed by others all the time`);
  }

  return {
    async put(key, definition) {
      if (isUnholdable(key)) throw new RangeError('the name of a plan holds U+0000');
      return fromRow(await revise(key, JSON.stringify(definition)))!;
    },
    async get(key) {
      if (isUnholdable(key)) return null;
      const row = await latest(key);
      return row === undefined ? null : fromRow(row);
    },
    async list() {
      const rows = await db.selectFrom('plans').selectAll().orderBy('revision').execute();
      const byKey = new Map(rows.map((row) => [`${row.event_name}\0${row.app_id}`, row]));
      // Each database sorts texts in its own way.
      const sorted = [...byKey].sort(([a], [b]) => (a < b ? -1 : 1));
      return sorted.map(([, row]) => fromRow(row)).filter((plan) => plan !== null);
    },
    async delete(key) {
      if (isUnholdable(key)) return false;
      const before = await latest(key);
      if (before === undefined || before.definition === null) return false;
      await revise(key, null);
      return true;
    },
    async version() {
      const row = await db
        .selectFrom('plans')
        .select(({ fn }) => [fn.countAll().as('count'), fn.max('created_at').as('latest')])
        .executeTakeFirstOrThrow();
      return `${row.count} ${row.latest ?? ''}`;
    },
    async revisions() {
      const rows = await db.selectFrom('plans').selectAll().execute();
      return rows.map(({ event_name, app_id, effective_at, definition }) => ({
        event_name,
        app_id: app_id || null,
        effectiveAt: Date.parse(effective_at),
        plan: definition === null ? null : (JSON.parse(definition) as PlanDefinition),
      }));
    },
  };
}

/** PostgreSQL holds no such text. */
function isUnholdable({ event_name, app_id }: PlanKey): boolean {
  return event_name.includes('\0') || app_id?.includes('\0') === true;
}

function fromRow(row: Selectable<PlansTable>): CatalogPlan | null {
  if (row.definition === null) return null;
  return {
    event_name: row.event_name,
    app_id: row.app_id || null,
    ...(JSON.parse(row.definition) as PlanDefinition),
    updated_at: row.created_at,
    effective_at: row.effective_at,
  };
}
