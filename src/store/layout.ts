import type { StoreClient } from './client.ts';

/**
 * Where rows lie that were received before: partition p on shard p mod n, as long as nobody changed either number. Each
 * server keeps which layouts it has seen and which shard it is, so that a changed list of servers is either looked at as
 * a whole or refused.
 */

/** The list of servers cannot be used as it is; the message says why, and what to do. */
export class LayoutError extends Error {
  override readonly name = 'LayoutError';
}

interface LayoutRow {
  /** '' speaks of every topic. */
  readonly topic: string;
  readonly shards: number;
  readonly partitions: number;
  readonly shard: number;
}

/** Partitions of a time from which no layout was kept: one server. */
const UNKNOWN_PARTITIONS = 0;
/** Not a layout: a note of which shard the server is. */
const PLACE_ONLY = { topic: '', shards: 0, partitions: 0 };

/**
 * Compares the list with what the servers remember, and makes each remember all of it. To be done before the first row is
 * written. Rejects with LayoutError, or StoreError when one does not answer.
 */
export async function agreeOnLayout(shards: readonly StoreClient[]): Promise<void> {
  const known = await Promise.all(shards.map(readLayouts));
  for (const [i, rows] of known.entries()) {
    const other = rows.find(({ shard }) => shard !== i);
    if (other)
      throw new LayoutError(
        `The server in place ${i + 1} of ANALYTICS_CH_URL was in place ${other.shard + 1} before, and holds the rows of that place's partitions. Put the URLs back in their order; new ones go to the end.`,
      );
    const most = Math.max(0, ...rows.map((row) => row.shards));
    if (most > shards.length)
      throw new LayoutError(
        `ANALYTICS_CH_URL names ${shards.length} of ${most} shards: the rows of the others would be missing from every answer. Name all of them; to have fewer, replay the log into another database (docs/operations.md).`,
      );
  }
  if (shards.length === 1) return;
  const layouts = known
    .flat()
    .map(({ topic, shards, partitions }) => ({ topic, shards, partitions }))
    .filter(isLayout);
  // Before there were several there was one, of which nobody took a note.
  if (layouts.length === 0 && (await hasEvents(shards[0]!)))
    layouts.push({ topic: '', shards: 1, partitions: UNKNOWN_PARTITIONS });
  await Promise.all(
    shards.map(async (client, shard) => {
      for (const layout of [PLACE_ONLY, ...layouts]) await noteLayout(client, { ...layout, shard });
    }),
  );
}

/** Notes that the server takes rows under this layout; true when rows of the time kept may lie under another. */
export async function useLayout(client: StoreClient, layout: LayoutRow): Promise<boolean> {
  await noteLayout(client, layout);
  const { topic, shards, partitions } = layout;
  const known = (await readLayouts(client)).filter(isLayout);
  const ofTopic = known.filter((row) => row.topic === topic || row.topic === '');
  return ofTopic.some((row) => row.shards !== shards || row.partitions !== partitions);
}

/** True when rows of the topic that are still kept may lie on another of several shards than their partition's is now. */
export async function hasOtherLayouts(
  shards: readonly StoreClient[],
  topic: string,
  partitions: number,
): Promise<boolean> {
  if (shards.length === 1) return false;
  const known = (await Promise.all(shards.map(readLayouts))).flat().filter(isLayout);
  return known
    .filter((row) => row.topic === topic || row.topic === '')
    .some((row) => row.shards !== shards.length || row.partitions !== partitions);
}

const isLayout = ({ shards }: Pick<LayoutRow, 'shards'>) => shards > 0;

async function readLayouts(client: StoreClient): Promise<LayoutRow[]> {
  return await client.select<LayoutRow>(
    'SELECT DISTINCT log_topic AS topic, shards, partitions, shard FROM shard_layouts',
  );
}

async function noteLayout(client: StoreClient, layout: LayoutRow): Promise<void> {
  await client.command(
    `INSERT INTO shard_layouts (log_topic, shards, partitions, shard)
     SELECT {topic:String}, {shards:UInt16}, {partitions:UInt16}, {shard:UInt16}`,
    { ...layout },
  );
}

async function hasEvents(client: StoreClient): Promise<boolean> {
  return (await client.select('SELECT 1 FROM events LIMIT 1')).length > 0;
}

/**
 * Makes sure that the cluster, by which questions are asked, is the list of servers: each once, in the same order.
 * Rejects with LayoutError.
 */
export async function checkCluster(client: StoreClient, name: string, shards: number): Promise<void> {
  const [cluster] = await client.select<{ size: number }>(
    'SELECT uniqExact(shard_num) AS size FROM system.clusters WHERE cluster = {name:String}',
    { name },
  );
  if (cluster!.size !== shards)
    throw new LayoutError(
      `The cluster '${name}' has ${cluster!.size} shards in the servers' configuration (remote_servers), and ANALYTICS_CH_URL names ${shards}. Both must list the same servers in the same order.`,
    );
  const places = await client.select<{ place: number; shard: number }>(
    'SELECT DISTINCT shardNum() AS place, shard FROM shard_layouts',
  );
  const wrong = places.find(({ place, shard }) => place !== shard + 1);
  if (wrong)
    throw new LayoutError(
      `The cluster '${name}' has in place ${wrong.place} the server that is in place ${wrong.shard + 1} of ANALYTICS_CH_URL. Both must list the same servers in the same order.`,
    );
}
