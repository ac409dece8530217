/**
 * `funnel_events`: the events that can serve a step of a funnel of the catalogue, each once for every such step. A view,
 * made anew when the funnels change, of the same conditions that a funnel is counted by.
 */
import type { StoreClient } from './client.ts';
import type { EventMatch } from './questions/histories.ts';
import { filtersSql } from './sql/filters.ts';
import { SqlLiterals } from './sql/values.ts';

export interface FunnelSteps {
  readonly name: string;
  /** Null: every app. */
  readonly app: string | null;
  readonly steps: readonly (EventMatch & { readonly name: string | null })[];
}

/** Steps of all funnels that the view holds; a server does not take texts of any length. */
const STEPS_MAX = 500;
const COLUMNS = [
  'event_name',
  'timestamp',
  'event_id',
  'actor',
  'user_id',
  'anonymous_id',
  'session_id',
  'video_id',
  'page',
];
const LONG = {
  max_query_size: 16 * 1024 * 1024,
  max_ast_elements: 1_000_000,
  max_expanded_ast_elements: 1_000_000,
};

/** Puts the view there for servers that have none yet. Rejects with StoreError. */
export async function ensureFunnelEvents(client: StoreClient, database = client.database): Promise<void> {
  await client.command(`CREATE VIEW IF NOT EXISTS funnel_events AS ${funnelEventsSql([])}`, {}, { database });
}

/** Resolves with the names of the funnels that are left out, since there are too many. Rejects with StoreError. */
export async function replaceFunnelEvents(
  client: StoreClient,
  funnels: readonly FunnelSteps[],
  database = client.database,
): Promise<string[]> {
  let steps = 0;
  const held = funnels.filter((funnel) => {
    if (steps + funnel.steps.length > STEPS_MAX) return false;
    steps += funnel.steps.length;
    return true;
  });
  const sql = `CREATE OR REPLACE VIEW funnel_events AS ${funnelEventsSql(held)}`;
  await client.command(sql, {}, { database, settings: LONG });
  return funnels.filter((funnel) => !held.includes(funnel)).map(({ name }) => name);
}

function funnelEventsSql(funnels: readonly FunnelSteps[]): string {
  const values = new SqlLiterals();
  const serves = funnels.flatMap(({ name, app, steps }) =>
    steps.map((step, i) => {
      const passes = [
        `event_name = ${values.text(step.eventName)}`,
        filtersSql(step.filters, values),
        ...(app === null ? [] : [`app_id = ${values.text(app)}`]),
      ];
      const served = `(${values.text(name)}, toUInt8(${i + 1}), ${values.text(step.name ?? '')})`;
      return `if(${passes.join(' AND ')}, [${served}], [])`;
    }),
  );
  const none = "CAST([], 'Array(Tuple(String, UInt8, String))')";
  const names = [...new Set(funnels.flatMap(({ steps }) => steps.map(({ eventName }) => eventName)))];
  return `SELECT app_id, served.1 AS funnel_name, served.2 AS step, served.3 AS step_name, ${COLUMNS.join(', ')}
FROM (SELECT app_id, ${COLUMNS.join(', ')}, arrayConcat(${[none, ...serves].join(', ')}) AS all_served
  FROM events WHERE NOT is_bot AND event_name IN ${values.texts(names)})
ARRAY JOIN all_served AS served`;
}
