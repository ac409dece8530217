/**
 * A real Apache Kafka for tests: one broker or a cluster, in KRaft mode, each broker a JVM of its own that dies with the
 * process that started it. Every broker can be stopped, killed, frozen and started again on the same port and data.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Admin } from '@platformatic/kafka';
import { type Certificates, makeCertificates } from './kafka/certificates.ts';
import { fetchKafka, kafkaCommand, keepArchive } from './kafka/jars.ts';
import { lastingPort } from './ports.ts';

const run = promisify(execFile);
// Any sixteen bytes in base64url.
const CLUSTER_ID = 'dGVzdC1jbHVzdGVyLTAwMQ';
const START_TIMEOUT_MS = 120_000;

export interface TestBroker {
  readonly id: number;
  /** host:port of the plain listener; the same after a restart. */
  readonly address: string;
  readonly pid: number;
  readonly folder: string;
  /** In order: what it leads moves to others first. */
  stop(): Promise<void>;
  /** As a crash. */
  kill(): Promise<void>;
  /** After stop or kill, on the same data. */
  start(): Promise<void>;
  freeze(): void;
  thaw(): void;
}

/** Where the brokers listen, by kind of security. */
export interface SecureListeners {
  readonly sasl: string[];
  readonly tls: string[];
  readonly saslTls: string[];
  readonly certificates: Certificates;
  /** For PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. */
  readonly user: { readonly name: string; readonly password: string };
}

export interface TestKafka {
  /** host:port of every broker, as a client wants them. */
  readonly brokers: string[];
  readonly nodes: readonly TestBroker[];
  readonly pids: number[];
  readonly secure: SecureListeners | null;
  createTopic(name: string, partitions: number): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** All that were stopped or killed. */
  start(): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** Ends the brokers, removes their data. */
  dispose(): Promise<void>;
}

export interface KafkaOptions {
  /** How many brokers; default 1. Topics are kept by three of them, or all, and taken when all but one have them. */
  readonly size?: number;
  /** Listeners with SASL, with TLS and with both, beside the plain one. */
  readonly secure?: boolean;
  /** Over those of server.properties that are set here. */
  readonly properties?: Readonly<Record<string, string | number | boolean>>;
  /** Closes the brokers when it ends. */
  readonly test?: { after(fn: () => Promise<void>): void };
}

export async function startKafka(options: KafkaOptions = {}): Promise<TestKafka> {
  await fetchKafka();
  const size = options.size ?? 1;
  const folder = await mkdtemp(join(tmpdir(), 'sluice-kafka-'));
  const secure = options.secure ? await makeCertificates(folder) : null;
  const places = await Promise.all(Array.from({ length: size }, (_, i) => findPlace(i + 1)));
  const nodes = places.map((place) => {
    const properties = { ...serverProperties(place, places, folder, secure), ...options.properties };
    return createBroker(place, join(folder, `broker-${place.id}`), properties, secure !== null);
  });
  const all = async (act: (node: TestBroker) => Promise<void>): Promise<void> => {
    await Promise.all(nodes.map(act));
  };
  const kafka: TestKafka = {
    brokers: nodes.map(({ address }) => address),
    nodes,
    get pids() {
      return nodes.map(({ pid }) => pid);
    },
    secure: secure && {
      sasl: places.map(({ sasl }) => `localhost:${sasl}`),
      tls: places.map(({ tls }) => `localhost:${tls}`),
      saslTls: places.map(({ saslTls }) => `localhost:${saslTls}`),
      certificates: secure,
      user: USER,
    },
    createTopic: (name, partitions) => createTopic(nodes, name, partitions),
    stop: () => all((node) => node.stop()),
    kill: () => all((node) => node.kill()),
    start: () => all((node) => node.start()),
    freeze: () => nodes.forEach((node) => void node.freeze()),
    thaw: () => nodes.forEach((node) => void node.thaw()),
    async dispose() {
      // The only one leaves the archive of its classes, where there is none yet.
      if (size === 1) await kafka.stop();
      else await kafka.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
  options.test?.after(() => kafka.dispose());
  try {
    await kafka.start();
  } catch (error) {
    await kafka.kill();
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return kafka;
}

interface Place {
  readonly id: number;
  readonly plain: number;
  readonly controller: number;
  readonly sasl: number;
  readonly tls: number;
  readonly saslTls: number;
}

async function findPlace(id: number): Promise<Place> {
  const [plain, controller, sasl, tls, saslTls] = await Promise.all(Array.from({ length: 5 }, lastingPort));
  return { id, plain: plain!, controller: controller!, sasl: sasl!, tls: tls!, saslTls: saslTls! };
}

const USER = { name: 'alice', password: 'alice-secret' };

function serverProperties(
  place: Place,
  places: readonly Place[],
  folder: string,
  secure: Certificates | null,
): Record<string, string | number | boolean> {
  const copies = Math.min(3, places.length);
  const enough = Math.max(1, copies - 1);
  return {
    'process.roles': 'broker,controller',
    'node.id': place.id,
    'controller.quorum.voters': places.map(({ id, controller }) => `${id}@127.0.0.1:${controller}`).join(','),
    ...listeners(place, secure),
    'inter.broker.listener.name': 'PLAIN',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(folder, `broker-${place.id}`, 'data'),
    'offsets.topic.num.partitions': 3,
    'transaction.state.log.num.partitions': 3,
    'share.coordinator.state.topic.num.partitions': 3,
    'offsets.topic.replication.factor': copies,
    'transaction.state.log.replication.factor': copies,
    'share.coordinator.state.topic.replication.factor': copies,
    'transaction.state.log.min.isr': enough,
    'default.replication.factor': copies,
    'min.insync.replicas': enough,
    'group.initial.rebalance.delay.ms': 0,
    'auto.create.topics.enable': false,
    'message.max.bytes': 16 * 2 ** 20,
    'replica.fetch.max.bytes': 16 * 2 ** 20,
    // A killed broker may register again only when its session has ended: nine seconds by default.
    'broker.session.timeout.ms': 1_500,
    'broker.heartbeat.interval.ms': 300,
    // Groups of tests come and go quickly, and dead members are noticed soon.
    'group.min.session.timeout.ms': 1_000,
    'group.consumer.min.session.timeout.ms': 1_000,
    'group.consumer.session.timeout.ms': 6_000,
    'group.consumer.min.heartbeat.interval.ms': 200,
    'group.consumer.heartbeat.interval.ms': 500,
    'log.cleaner.dedupe.buffer.size': 2 * 2 ** 20,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'num.recovery.threads.per.data.dir': 2,
    'background.threads': 2,
  };
}

function listeners(place: Place, secure: Certificates | null): Record<string, string> {
  const plain = `PLAIN://127.0.0.1:${place.plain}`;
  const controller = `CONTROLLER://127.0.0.1:${place.controller}`;
  if (!secure) {
    return {
      listeners: `${plain},${controller}`,
      'advertised.listeners': plain,
      'listener.security.protocol.map': 'PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT',
    };
  }
  const more = `SASL://localhost:${place.sasl},TLS://localhost:${place.tls},SASLTLS://localhost:${place.saslTls}`;
  const modules = 'org.apache.kafka.common.security';
  const login = (name: string): Record<string, string> => ({
    [`listener.name.${name}.sasl.enabled.mechanisms`]: 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    [`listener.name.${name}.plain.sasl.jaas.config`]: `${modules}.plain.PlainLoginModule required user_${USER.name}="${USER.password}";`,
    [`listener.name.${name}.scram-sha-256.sasl.jaas.config`]: `${modules}.scram.ScramLoginModule required;`,
    [`listener.name.${name}.scram-sha-512.sasl.jaas.config`]: `${modules}.scram.ScramLoginModule required;`,
  });
  return {
    listeners: `${plain},${controller},${more}`,
    'advertised.listeners': `${plain},${more}`,
    'listener.security.protocol.map':
      'PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL,SASLTLS:SASL_SSL',
    ...login('sasl'),
    ...login('sasltls'),
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': secure.brokerPemFile,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': secure.caFile,
    // Asked for and checked where it is given.
    'ssl.client.auth': 'requested',
  };
}

function createBroker(
  place: Place,
  folder: string,
  properties: Record<string, string | number | boolean>,
  withUsers: boolean,
): TestBroker {
  let child: ChildProcess | null = null;
  const settings = join(folder, 'server.properties');
  const archive = join(folder, 'classes.jsa');
  const isDown = (): boolean => !child || child.exitCode !== null || child.signalCode !== null;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (!child || isDown()) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    // A frozen process ends in order only when it runs again.
    child.kill('SIGCONT');
    await gone;
  };
  return {
    id: place.id,
    address: `127.0.0.1:${place.plain}`,
    folder,
    get pid() {
      return child!.pid!;
    },
    async start() {
      if (!isDown()) return;
      if (!existsSync(join(folder, 'data', 'meta.properties'))) await format(folder, properties, withUsers);
      child = await launch(place.id, folder, kafkaCommand('kafka.Kafka', [settings], archive));
    },
    async stop() {
      await end('SIGTERM');
      await keepArchive(archive);
    },
    kill: () => end('SIGKILL'),
    freeze: () => void child!.kill('SIGSTOP'),
    thaw: () => void child!.kill('SIGCONT'),
  };
}

async function format(
  folder: string,
  properties: Record<string, string | number | boolean>,
  withUsers: boolean,
): Promise<void> {
  const settings = join(folder, 'server.properties');
  await mkdir(folder, { recursive: true });
  const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(settings, lines.join(''));
  const users = withUsers
    ? ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
        '--add-scram',
        `${mechanism}=[name=${USER.name},password=${USER.password}]`,
      ])
    : [];
  const words = ['format', '-t', CLUSTER_ID, '-c', settings, ...users];
  const [java, ...rest] = kafkaCommand('kafka.tools.StorageTool', words);
  await run(java!, rest);
}

/** Resolves when the broker says that it has started. */
async function launch(id: number, folder: string, command: string[]): Promise<ChildProcess> {
  const file = join(folder, 'server.out');
  const out = await open(file, 'a');
  const from = (await out.stat()).size;
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], { stdio: ['ignore', out.fd, out.fd] });
  await out.close();
  const until = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const said = (await readFile(file)).subarray(from).toString();
    if (said.includes('Kafka Server started')) return child;
    const ended = child.exitCode !== null || child.signalCode !== null;
    if (ended || performance.now() > until) {
      child.kill('SIGKILL');
      throw new Error(
        `broker ${id} ${ended ? 'ended at its start' : 'does not start'}:\n${said.slice(-3_000)}`,
      );
    }
    await delay(20);
  }
}

async function createTopic(nodes: readonly TestBroker[], name: string, partitions: number): Promise<void> {
  const admin = new Admin({
    clientId: 'test',
    bootstrapBrokers: nodes.map(({ address }) => address),
    retryDelay: 100,
    retries: 100,
  });
  try {
    await admin.createTopics({ topics: [name], partitions, replicas: Math.min(3, nodes.length) });
    // Brokers hear of it one after the other.
    for (const node of nodes) await isKnownAt(node.address, name);
  } finally {
    await admin.close();
  }
}

async function isKnownAt(address: string, topic: string): Promise<void> {
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [address], retryDelay: 20, retries: 5 });
  try {
    for (;;) {
      const metadata = await admin.metadata({ topics: [topic], forceUpdate: true }).catch(() => null);
      if (metadata?.topics.get(topic)?.partitions.every(({ leader }) => leader > 0)) return;
      await delay(20);
    }
  } finally {
    await admin.close();
  }
}
