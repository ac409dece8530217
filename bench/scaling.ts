import { setTimeout as delay } from 'node:timers/promises';
import { type BenchBroker, startBroker } from './broker.ts';
import { cpuSeconds } from './cpu.ts';
import { Generator } from './generator-process.ts';
import { type Verdict, verify, waitUntilStored } from './stored.ts';
import { openClient, type SubjectProcess, startProcess } from './subject.ts';

/**
 * What more processes cost: one, two and four pipelines, each time with a group and a database of their own, store the
 * same backlog of one topic. On a machine with few cores they cannot be faster than one; they should not be dearer either.
 */

export interface ScalingStep {
  readonly processes: number;
  readonly clickhouse: string;
  /** Events stored while CPU was counted, and how long that took. */
  readonly events: number;
  readonly seconds: number;
  readonly cpu: { readonly pipelines: number; readonly clickhouse: number; readonly broker: number };
  readonly verdict: Verdict;
}

export const SCALING_PARTITIONS = 8;
const PROCESSES = [1, 2, 4];
/** Of the backlog: until then code is compiled and partitions change hands. */
const WARM_SHARE = 0.4;
const POLL_MS = 50;

export async function runScaling(seconds: number, say: (text: string) => void): Promise<ScalingStep[]> {
  const broker = await startBroker(SCALING_PARTITIONS);
  // It takes the events and lends its ClickHouse.
  const front = await startProcess('service', { ...broker.env, ANALYTICS_ROLES: 'ingest,query' });
  try {
    say(`scaling: ${seconds} s of batches of 100 for ${SCALING_PARTITIONS} partitions …`);
    const { distinct, unknown } = await fill(front, seconds);
    const steps: ScalingStep[] = [];
    for (const processes of PROCESSES) {
      const step = await drain(processes, { broker, front, distinct, unknown });
      const rate = Math.round(step.events / step.cpu.pipelines).toLocaleString('en-US');
      say(`  ${processes} processes: ${rate} events per CPU-second of pipelines`);
      steps.push(step);
    }
    return steps;
  } finally {
    await front.stop();
    await broker.stop();
  }
}

async function fill({ facts }: SubjectProcess, seconds: number) {
  const { hostname, port } = new URL(facts.url);
  const generator = await Generator.start({
    host: hostname,
    port: Number(port),
    path: '/events',
    batch: 100,
    connections: 16,
    rate: null,
    run: Math.floor(Math.random() * 2 ** 24),
  });
  await delay(seconds * 1_000);
  return (await generator.stop()).report;
}

interface Backlog {
  readonly broker: BenchBroker;
  readonly front: SubjectProcess;
  readonly distinct: number;
  readonly unknown: number;
}

async function drain(processes: number, { broker, front, distinct, unknown }: Backlog): Promise<ScalingStep> {
  const { endpoint, clickhousePid } = front.facts;
  const database = `scaling_${processes}`;
  const env = {
    ...broker.env,
    ANALYTICS_ROLES: 'pipeline',
    ANALYTICS_KAFKA_GROUP_ID: database,
    ANALYTICS_CH_URL: endpoint.url,
    ANALYTICS_CH_USER: endpoint.username,
    ANALYTICS_CH_PASSWORD: endpoint.password,
    ANALYTICS_CH_DATABASE: database,
    ANALYTICS_CH_AUTO_CREATE: '1',
  };
  const started: SubjectProcess[] = [];
  // One after the other: the first makes the tables.
  for (let i = 0; i < processes; i++) started.push(await startProcess('service', env));
  const client = openClient({ endpoint, database });
  try {
    const look = async () => {
      const [row] = await client.select<{ rows: number }>('SELECT count() AS rows FROM events');
      return {
        at: performance.now(),
        rows: row!.rows,
        pipelines: started.reduce((sum, { child }) => sum + cpuSeconds(child.pid!), 0),
        clickhouse: cpuSeconds(clickhousePid!),
        broker: cpuSeconds(broker.pid),
      };
    };
    let before = await look();
    while (before.rows < distinct * WARM_SHARE) {
      await delay(POLL_MS);
      before = await look();
    }
    await waitUntilStored(client, distinct);
    const after = await look();
    return {
      processes,
      clickhouse: front.facts.clickhouse,
      events: after.rows - before.rows,
      seconds: (after.at - before.at) / 1_000,
      cpu: {
        pipelines: after.pipelines - before.pipelines,
        clickhouse: after.clickhouse - before.clickhouse,
        broker: after.broker - before.broker,
      },
      verdict: await verify(client, distinct, unknown),
    };
  } finally {
    await client.close();
    for (const one of started) await one.stop();
  }
}
