import type { Funnel } from '../../catalog/funnels.ts';
import type { StoreClient } from '../../store/client.ts';
import {
  type FunnelDay,
  forgetFunnels,
  readServerTime,
  readStaleDays,
  writeFunnelDay,
} from '../../store/funnel-counts.ts';
import { type FunnelSteps, replaceFunnelEvents } from '../../store/funnel-events.ts';
import { readStored } from '../definition.ts';
import { countFunnel } from './count.ts';

/**
 * Keeps seed 003's tables of funnels: `funnel_stats`, what `GET /v1/funnels/:name` says of each app and UTC day, counted
 * again when something landed in the day or the window behind it; `funnel_events`, a view of the funnels as they are.
 */

const DAY_MS = 86_400_000;

export interface FunnelStatsOptions {
  readonly client: StoreClient;
  /** Where the view is made; each with the database, if it is not the client's. */
  readonly places: readonly { readonly client: StoreClient; readonly database: string }[];
  /** Of raw. */
  readonly days: number;
  /** Called after each day that was counted, with how long that took, in ms. */
  readonly rest: (tookMs: number) => Promise<void>;
  readonly failed: (stage: string, error: unknown) => void;
}

/** Makes the view. Resolves with the names of the funnels that it has no room for. Rejects with StoreError. */
export async function showFunnelEvents(
  { places }: Pick<FunnelStatsOptions, 'places'>,
  funnels: readonly Funnel[],
): Promise<string[]> {
  const all = funnels.flatMap((funnel) => stepsOf(funnel) ?? []);
  let left: string[] = [];
  for (const { client, database } of places) left = await replaceFunnelEvents(client, all, database);
  return left;
}

/** Null where a field is not known any more. */
function stepsOf({ name, app_id, steps }: Funnel): FunnelSteps | null {
  try {
    return {
      name,
      app: app_id,
      steps: steps.map((step) => ({
        name: step.name,
        eventName: step.event_name,
        filters: readStored(step.filters),
      })),
    };
  } catch {
    return null;
  }
}

/** Counts what has to be counted. Resolves with how many days that were; rejects with StoreError. */
export async function countFunnelDays(
  funnels: readonly Funnel[],
  options: FunnelStatsOptions,
): Promise<number> {
  const { client, days, rest, failed } = options;
  await forgetFunnels(
    client,
    funnels.map(({ name }) => name),
  );
  let counted = 0;
  for (const funnel of funnels) {
    const stale = await readStaleDays(client, {
      funnel: funnel.name,
      app: funnel.app_id,
      windowSeconds: funnel.window_seconds,
      definedAt: Date.parse(funnel.updated_at),
      days,
    });
    for (const day of stale) {
      const began = performance.now();
      try {
        await countDay(client, funnel, day);
        counted++;
      } catch (error) {
        // One that is about too much at once leaves the others as they are.
        failed(`the funnel ${JSON.stringify(funnel.name)} on ${day.date}`, error);
      }
      await rest(performance.now() - began);
    }
  }
  return counted;
}

async function countDay(client: StoreClient, funnel: Funnel, day: FunnelDay): Promise<void> {
  // Before raw is read: what lands meanwhile makes the day stale again.
  const asOf = await readServerTime(client);
  const from = Date.parse(`${day.date}T00:00:00Z`);
  const { steps } = await countFunnel(client, funnel, {
    range: { from, to: from + DAY_MS },
    apps: [day.app_id],
    bots: false,
    breakdown: null,
    limit: 0,
  });
  await writeFunnelDay(
    client,
    funnel.name,
    day,
    { asOf, definedAt: Date.parse(funnel.updated_at) },
    steps.map((figures, i) => ({
      ...figures,
      step: i + 1,
      step_name: funnel.steps[i]!.name ?? '',
      event_name: funnel.steps[i]!.event_name,
      began: steps[0]!.count,
    })),
  );
}
