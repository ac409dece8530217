import { setTimeout as delay } from 'node:timers/promises';
import type { House } from '../house.ts';
import { type Live, openLive } from '../live/live.ts';
import { startFollower } from '../pipeline/follow.ts';
import { EventStore } from '../store/events.ts';
import type { PlacesBefore } from '../store/questions/realtime.ts';
import { decisionLimits } from './limits.ts';

/** Composes the live role: realtime state and sockets, fed by the pipeline of this process or by the tail of the log. */

/** Longer than brokers that have just started need; one that is away holds up no start. */
const COMMITTED_WITHIN_MS = 5_000;
const RETRY_MS = 500;

export async function openLiveRole(house: House): Promise<Live> {
  const { config, access, cors, http, health, logger, metrics, store, closers } = house;
  const gate = health.role('live');
  const follows = !ownsEverything(house);
  const soon = AbortSignal.timeout(COMMITTED_WITHIN_MS);
  const publishedFrom = follows ? await readCommitted(house, soon) : null;
  const live = await openLive({
    client: store.client,
    authorize: async (request, from) => {
      const decision = await access.authorize(request, 'read', from === 'socket');
      if (!decision.granted) return decision;
      const { id, apps } = decision.principal;
      return { granted: true, id, apps };
    },
    allowsOrigin: (request) => cors.allows(request.headers, 'api'),
    connections: metrics.websocketConnections,
    log: logger,
    limits: { socketsMax: config.wsSocketsMax, eventsPerSecondMax: config.wsEventsPerSecondMax },
    viewsMax: config.viewsMax,
    now: house.now,
    // With the log away it begins with nothing, and is right a minute after that is back.
    ...(follows ? { publishedFrom: publishedFrom ?? [] } : {}),
  });
  closers.add('live', () => live.close());
  if (follows) followTails(house, live, publishedFrom);
  followDerived(house, live);
  http.addUpgrade('/ws', (...upgrade) => live.handleUpgrade(...upgrade));
  await http.app.register(live.plugin);
  gate.serving();
  return live;
}

/** Every socket hears of derived events, whichever process derives them. */
function followDerived({ log, logger, derivedTopic, closers }: House, live: Live): void {
  const ending = new AbortController();
  const { signal } = ending;
  const follow = async () => {
    while (!signal.aborted) {
      try {
        await log.topic(derivedTopic).tail((records) => live.publishDerived(records), signal);
      } catch (error) {
        if (!signal.aborted)
          logger.warn({ err: error }, 'sockets hear of derived events again when the log answers');
      }
      await delay(RETRY_MS, null, { signal }).catch(() => {});
    }
  };
  const following = follow();
  closers.add('derived events on sockets', async () => {
    ending.abort();
    await following;
  });
}

/** Whether the pipeline of this process stores every event of the installation: the local log has one process. */
export function ownsEverything({ config, log }: House): boolean {
  return log.kind === 'local' && config.roleSet.has('pipeline');
}

/** Per source, the first offset that the pipeline has not committed, wherever it runs; null when nobody said in time. */
async function readCommitted(
  { config, log, logger }: House,
  signal: AbortSignal,
): Promise<readonly PlacesBefore[] | null> {
  while (!signal.aborted) {
    try {
      const all = config.sources.map(async ({ topic }) => {
        const source = log.topic(topic);
        const lag = await source.lag(config.groupId);
        const { origin } = source;
        return lag.map(({ partition, committed }) => ({ topic: origin, partition, before: committed }));
      });
      return (await Promise.all(all)).flat();
    } catch (error) {
      // Brokers that have just started know no coordinator of groups for a moment.
      logger.debug({ err: error }, 'the log does not tell yet how far the pipeline is');
      await delay(RETRY_MS, null, { signal }).catch(() => {});
    }
  }
  return null;
}

/** Live views of the whole service, whichever processes store it. `from` null: as soon as the log tells from where. */
function followTails(house: House, live: Live, from: readonly PlacesBefore[] | null): void {
  if (from !== null) {
    startFollowers(house, live, from);
    return;
  }
  house.logger.warn({}, 'the log does not answer: live views begin when it does');
  const ending = new AbortController();
  const waiting = readCommitted(house, ending.signal).then((known) => {
    if (known !== null && !ending.signal.aborted) startFollowers(house, live, known);
  });
  house.closers.add('live waiting', async () => {
    ending.abort();
    await waiting;
  });
}

function startFollowers(house: House, live: Live, from: readonly PlacesBefore[]): void {
  const { config, log, kernel, store, logger, health, now, closers } = house;
  let failure: string | null = null;
  health.probe('live tail', { vital: false }, () => ({
    state: failure === null ? 'ok' : 'degraded',
    reason: failure,
  }));
  for (const source of config.sources) {
    const topic = log.topic(source.topic);
    const places = from.filter((place) => place.topic === topic.origin);
    const follower = startFollower({
      topic,
      from: new Map(places.map(({ partition, before }) => [partition, before])),
      kernel,
      plans: house.plans,
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
