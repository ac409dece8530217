import { setTimeout as delay } from 'node:timers/promises';
import type { House } from '../house.ts';
import { type Live, openLive } from '../live/live.ts';
import { startFollower } from '../pipeline/follow.ts';
import { EventStore } from '../store/events.ts';
import type { PlacesBefore } from '../store/questions/realtime.ts';
import { decisionLimits } from './limits.ts';

/** Composes the live role: realtime state and sockets, fed by the pipeline of this process or by the tail of the log. */

/** A live process waits for the brokers this long before it gives up its start. */
const COMMITTED_WITHIN_MS = 30_000;

export async function openLiveRole(house: House): Promise<Live> {
  const { config, access, cors, http, health, logger, metrics, store, closers } = house;
  const gate = health.role('live');
  const publishedFrom = ownsEverything(house) ? null : await readCommitted(house);
  const live = await openLive({
    client: store.client,
    authorize: async (request, from) => {
      const decision = await access.authorize(request, 'read', from === 'socket');
      return decision.granted ? { granted: true, apps: decision.principal.apps } : decision;
    },
    allowsOrigin: (request) => cors.allows(request.headers, 'api'),
    connections: metrics.websocketConnections,
    log: logger,
    limits: { socketsMax: config.wsSocketsMax, eventsPerSecondMax: config.wsEventsPerSecondMax },
    viewsMax: config.viewsMax,
    now: house.now,
    ...(publishedFrom ? { publishedFrom } : {}),
  });
  closers.add('live', () => live.close());
  if (publishedFrom) followTails(house, live, publishedFrom);
  await followDerived(house, live);
  http.addUpgrade('/ws', (...upgrade) => live.handleUpgrade(...upgrade));
  await http.app.register(live.plugin);
  gate.serving();
  return live;
}

/** Every socket hears of derived events, whichever process derives them. */
async function followDerived({ log, logger, derivedTopic, closers }: House, live: Live): Promise<void> {
  const ending = new AbortController();
  const following = log
    .topic(derivedTopic)
    .tail((records) => live.publishDerived(records), ending.signal)
    .catch((error: unknown) => logger.error({ err: error }, 'sockets hear of derived events no more'));
  closers.add('derived events on sockets', async () => {
    ending.abort();
    await following;
  });
}

/** Whether the pipeline of this process stores every event of the installation: the local log has one process. */
export function ownsEverything({ config, log }: House): boolean {
  return log.kind === 'local' && config.roleSet.has('pipeline');
}

/** Per source, the first offset that the pipeline has not committed, wherever it runs. */
async function readCommitted({ config, log, logger }: House): Promise<readonly PlacesBefore[]> {
  const deadline = performance.now() + COMMITTED_WITHIN_MS;
  for (;;) {
    try {
      const all = config.sources.map(async ({ topic }) => {
        const lag = await log.topic(topic).lag(config.groupId);
        return lag.map(({ partition, committed }) => ({ topic, partition, before: committed }));
      });
      return (await Promise.all(all)).flat();
    } catch (error) {
      // Brokers that have just started know no coordinator of groups for a moment.
      if (performance.now() >= deadline) throw error;
      logger.debug({ err: error }, 'the log does not tell yet how far the pipeline is');
      await delay(500);
    }
  }
}

/** Live views of the whole service, whichever processes store it. */
function followTails(house: House, live: Live, from: readonly PlacesBefore[]): void {
  const { config, log, kernel, store, logger, health, now, closers } = house;
  let failure: string | null = null;
  health.probe('live tail', { vital: false }, () => ({
    state: failure === null ? 'ok' : 'degraded',
    reason: failure,
  }));
  for (const source of config.sources) {
    const places = from.filter(({ topic }) => topic === source.topic);
    const follower = startFollower({
      topic: log.topic(source.topic),
      from: new Map(places.map(({ partition, before }) => [partition, before])),
      kernel,
      store: new EventStore(store.client),
      limits: decisionLimits(config),
      defaultApp: source.app ?? config.defaultApp,
      failed(stage, error) {
        failure = `${stage}: ${error instanceof Error ? error.message : String(error)}`;
        logger.warn({ stage, err: error }, 'live views go on without it');
      },
      read() {
        failure = null;
      },
      now,
      publish: (batch) => live.publish(batch),
    });
    closers.add('live tail', () => follower.stop());
  }
}
