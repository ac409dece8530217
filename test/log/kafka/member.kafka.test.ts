import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { openKafkaLog } from '../../../src/log/kafka/kafka.ts';
import { createTopics } from '../../../src/log/kafka/topics.ts';
import type { Assignment, Log, LogRecord, Topic } from '../../../src/log/log.ts';
import { hold, readCount, record, text } from '../../contract/log.ts';
import { startKafka, type TestKafka } from '../../support/kafka.ts';
import { missingForKafka } from '../../support/kafka-needs.ts';

const SESSION_MS = 2_000;

const CLASSIC = { 'group.coordinator.rebalance.protocols': 'classic' };
const COORDINATED = { 'group.consumer.session.timeout.ms': SESSION_MS };

for (const [kind, properties] of [
  ['by KIP-848', COORDINATED],
  ['as before', CLASSIC],
] as const) {
  describe(`members of groups ${kind}`, { skip: missingForKafka() ?? false, timeout: 240_000 }, () => {
    let kafka: TestKafka;
    const logs: Log[] = [];
    const children: ChildProcess[] = [];
    before(async () => {
      kafka = await startKafka({ properties });
    });
    after(async () => {
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(logs.map((log) => log.close()));
      await kafka.dispose();
    });

    async function openTopic(name: string, partitions: number) {
      await kafka.createTopic(name, partitions);
      const log = await open(name);
      return { log, topic: log.topic(name) };
    }

    async function open(name: string): Promise<Log> {
      const log = await openKafkaLog({
        brokers: kafka.brokers,
        clientId: 'test',
        topics: [name],
        sessionTimeoutMs: SESSION_MS,
      });
      logs.push(log);
      return log;
    }

    function startChild(topic: string, group: string): Child {
      const words = [kafka.brokers.join(), topic, group, String(SESSION_MS)];
      const child = fork(join(import.meta.dirname, 'member-child.ts'), words);
      children.push(child);
      return new Child(child);
    }

    it('one that sleeps through its session cannot commit when it wakes', async () => {
      const { topic } = await openTopic('zombie', 1);
      await topic.append([record(0, 'a'), record(0, 'b')]);
      const zombie = startChild('zombie', 'g');
      await zombie.says('read');
      zombie.process.kill('SIGSTOP');
      const heir = await hold(topic, 'g');
      assert.deepEqual(text(await readCount(heir.assignment, 2)), ['a', 'b'], 'nothing was committed');
      await heir.assignment.commit(1, 'of the heir');
      zombie.process.kill('SIGCONT');
      zombie.process.send({ partition: 0, offset: 2 });
      assert.equal((await zombie.says('commit'))['committed'], false);
      await zombie.says('taken');
      await heir.assignment.commit(1, 'of the heir still');
      await heir.membership.stop();
      zombie.process.kill('SIGKILL');
      const after = await hold(topic, 'g');
      assert.deepEqual(after.assignment.committed, { offset: 1, metadata: 'of the heir still' });
      await after.membership.stop();
    });

    it('one that is killed is followed by another, from its last commit', async () => {
      const { topic } = await openTopic('killed', 1);
      await topic.append([record(0, 'a'), record(0, 'b')]);
      const victim = startChild('killed', 'g');
      await victim.says('read');
      victim.process.send({ partition: 0, offset: 1 });
      assert.equal((await victim.says('commit'))['committed'], true);
      victim.process.kill('SIGKILL');
      const { assignment, membership } = await hold(topic, 'g');
      assert.deepEqual(text(await readCount(assignment, 1)), ['b']);
      await membership.stop();
    });

    it('hold their partitions for as long as a broker answers them', async () => {
      const { topic } = await openTopic('held', 1);
      const { assignment, membership } = await hold(topic, 'g');
      assert.ok(assignment.heldUntil() <= performance.now() + SESSION_MS);
      const first = assignment.heldUntil();
      while (assignment.heldUntil() === first) await delay(20);
      kafka.freeze();
      // While it is answered it is never that far behind.
      while (performance.now() < assignment.heldUntil() + SESSION_MS) await delay(20);
      kafka.thaw();
      while (!assignment.signal.aborted && assignment.heldUntil() < performance.now()) await delay(20);
      await membership.stop();
    });

    it('keep their partitions, and commit, over a restart of the broker', async () => {
      const { topic } = await openTopic('restart', 1);
      await topic.append([record(0, 'a')]);
      const { assignment, membership } = await hold(topic, 'g');
      await readCount(assignment, 1);
      await kafka.kill();
      const committing = assignment.commit(1, 'over the restart').then(
        () => true,
        () => false,
      );
      const reading = assignment.read(1_000, 60_000);
      await kafka.start();
      await topic.append([record(0, 'b')]);
      const [committed, records] = await Promise.all([committing, reading]);
      // A group may have to form anew: then the handler is given the partition again.
      if (!assignment.signal.aborted) assert.deepEqual([committed, text(records)], [true, ['b']]);
      await membership.stop();
      const next = await hold(topic, 'g');
      assert.equal(next.assignment.committed.offset, committed ? 1 : 0);
      await next.membership.stop();
    });

    it('new partitions are written to, given to members and tailed, while all run', async () => {
      const { log, topic } = await openTopic('grows', 1);
      const held = new Map<number, LogRecord[]>();
      const checks = new Set<() => void>();
      const until = (condition: () => boolean): Promise<void> =>
        new Promise((resolve) => {
          const check = (): void => {
            if (!condition()) return;
            checks.delete(check);
            resolve();
          };
          checks.add(check);
          check();
        });
      const membership = await topic.join('g', async (assignment: Assignment) => {
        held.set(assignment.partition, []);
        while (!assignment.signal.aborted) {
          held.get(assignment.partition)!.push(...(await assignment.read(1_000_000, 1_000)));
          for (const check of checks) check();
        }
      });
      const tailed = new Set<string>();
      const stop = new AbortController();
      const tailing = topic.tail((records) => {
        for (const value of text(records)) tailed.add(value);
        for (const check of checks) check();
      }, stop.signal);
      let probe = 0;
      while (tailed.size === 0) {
        await topic.append([record(0, `probe ${probe++}`)]);
        await new Promise((resolve) => setImmediate(resolve));
      }
      const plan = { partitions: 4, replication: null, retentionMs: null };
      const whenNew = { partitions: 1, retentionMs: 1 };
      const [outcome] = await createTopics({ brokers: kafka.brokers, clientId: 'admin' }, [
        { name: 'grows', ...plan, whenNew },
      ]);
      assert.equal(outcome!.did, 'raised');
      while (log.topic('grows').partitions < 4) await new Promise((resolve) => setImmediate(resolve));
      await topic.append([1, 2, 3].map((partition) => record(partition, `new ${partition}`)));
      await until(() => [1, 2, 3].every((partition) => tailed.has(`new ${partition}`)));
      await until(() => [1, 2, 3].every((partition) => (held.get(partition)?.length ?? 0) === 1));
      stop.abort();
      await tailing;
      await membership.stop();
    });

    it('a storm of members that come and go: every record is read, by one owner at a time', async () => {
      const { topic } = await openTopic('storm', 4);
      const storm = new Storm();
      const keeper = await topic.join('g', (assignment) => storm.member(assignment));
      const sending = storm.send(topic);
      for (let round = 0; round < 6; round++) {
        const guests = await Promise.all(
          Array.from({ length: 1 + (round % 3) }, () =>
            topic.join('g', (assignment) => storm.member(assignment)),
          ),
        );
        const before = storm.read.size;
        await storm.until(() => storm.read.size >= before + 100);
        await Promise.all(guests.map((guest) => guest.stop()));
      }
      storm.over = true;
      await sending;
      await storm.until(() => storm.read.size === storm.sent);
      await keeper.stop();
      assert.deepEqual(storm.faults, []);
    });
  });
}

/** What a child says. */
class Child {
  readonly process: ChildProcess;
  readonly #unheard: Record<string, unknown>[] = [];
  #heard: () => void = () => {};

  constructor(process: ChildProcess) {
    this.process = process;
    process.on('message', (message) => {
      this.#unheard.push(message as Record<string, unknown>);
      this.#heard();
    });
  }

  /** The first message of the kind that was not heard yet; those of other kinds wait. */
  async says(kind: string): Promise<Record<string, unknown>> {
    for (;;) {
      const index = this.#unheard.findIndex((message) => message['kind'] === kind);
      if (index >= 0) return this.#unheard.splice(index, 1)[0]!;
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }
}

/** Sends to four partitions, a little ahead of those who read, and watches who does. */
class Storm {
  readonly read = new Set<string>();
  readonly faults: string[] = [];
  sent = 0;
  over = false;
  readonly #owned = new Set<number>();
  readonly #readTo = [0, 0, 0, 0];
  readonly #checks = new Set<() => void>();

  async send(topic: Topic): Promise<void> {
    while (!this.over) {
      await topic.append([record(this.sent % 4, String(this.sent))]);
      this.sent += 1;
      await this.until(() => this.over || this.sent < this.read.size + 200);
    }
  }

  async member(assignment: Assignment): Promise<void> {
    const { partition, committed } = assignment;
    if (this.#owned.has(partition)) this.faults.push(`${partition} had two owners`);
    if (committed.offset > this.#readTo[partition]!) this.faults.push(`${partition} goes on too late`);
    this.#owned.add(partition);
    while (!assignment.signal.aborted) {
      const records = await assignment.read(1_000, 200);
      for (const { offset, value } of records) {
        if (offset > this.#readTo[partition]!) this.faults.push(`${partition} skips to ${offset}`);
        this.#readTo[partition] = Math.max(this.#readTo[partition]!, offset + 1);
        this.read.add(Buffer.from(value).toString());
      }
      // What a commit rejects for, the next owner reads again.
      if (records.length > 0) await assignment.commit(records.at(-1)!.offset + 1, '').catch(() => {});
      for (const check of this.#checks) check();
    }
    this.#owned.delete(partition);
  }

  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return;
        this.#checks.delete(check);
        resolve();
      };
      this.#checks.add(check);
      check();
    });
  }
}
