import type { House } from '../house.ts';
import { createReplayRoutes } from '../replay-routes.ts';
import { pipelineLimits } from './limits.ts';

/** Composes replays, beside the pipeline: what was committed is read again on demand. */
export async function openReplay(house: House): Promise<void> {
  const { config, access, http, log, store, kernel, logger, now, closers } = house;
  const routes = createReplayRoutes({
    access,
    audit: async (entry) => await (await house.catalog.open()).audit.add(entry),
    logger,
    now,
    deps: {
      log,
      sources: config.sources,
      group: config.groupId,
      kernel,
      plans: house.plans,
      shards: store.shards,
      defaultApp: config.defaultApp,
      limits: pipelineLimits(config),
      retentionDays: config.retentionEventsDays,
      erasureKey: async () => await (await house.catalog.open()).erasures.key(),
      now,
    },
  });
  closers.add('replay', () => routes.stop());
  await http.app.register((app) => routes.plugin(app));
}
