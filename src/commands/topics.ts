import { parseArgs } from 'node:util';
import type { Io } from '../cli.ts';
import { type Config, readConfig } from '../config.ts';
import { createTopics, type TopicPlan } from '../log/kafka/topics.ts';
import { readKafkaAddress } from '../open-log.ts';
import { forOperator } from '../start-error.ts';
import { DEAD_LETTER_TOPIC, DERIVED_TOPIC } from '../topics.ts';

const HELP = `Usage: sluice topics create [--partitions 8] [--replication 3] [--retention-days 7]

Makes the topics at ANALYTICS_KAFKA_BROKERS: the events' (ANALYTICS_KAFKA_TOPIC), the derived events' and the dead
letters'. What is there already stays; partitions are raised when more are asked for, never taken away.

  --partitions      of events and derived events, 1 to 1,024: as many processes of the pipeline can share the work
                    (default: 8; an existing topic keeps its own)
  --replication     copies of each record, at most as many as there are brokers (default: the brokers')
  --retention-days  records are kept this long, 1 to 3,650 (default: 7; an existing topic keeps its own)
`;

const DAY_MS = 86_400_000;
const PARTITIONS = 8;
const RETENTION_DAYS = 7;

/** Words that are wrong, as node:util's parseArgs says it. */
class WordsError extends Error {
  readonly code = 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE';
}

export async function runTopics(argv: string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      partitions: { type: 'string' },
      replication: { type: 'string' },
      'retention-days': { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  if (positionals.length !== 1 || positionals[0] !== 'create')
    throw new WordsError(`'topics' takes 'create', not '${positionals.join(' ')}'.`);
  const config = readConfig(process.env);
  if (config.kafkaBrokers.length === 0) {
    io.stderr.write(
      'sluice: the local log makes its topics itself. Set ANALYTICS_KAFKA_BROKERS for Kafka.\n',
    );
    return 2;
  }
  const plans = planTopics(config, {
    partitions: readWhole('--partitions', values.partitions, 1, 1024),
    replication: readWhole('--replication', values.replication, 1, 100),
    retentionDays: readWhole('--retention-days', values['retention-days'], 1, 3650),
  });
  const address = await forOperator(readKafkaAddress(config));
  const outcomes = await forOperator(createTopics(address, plans));
  const words = { created: 'made', raised: 'raised', kept: 'there already' };
  for (const { name, partitions, did } of outcomes)
    io.stdout.write(`${name}: ${words[did]}, ${partitions} partition${partitions === 1 ? '' : 's'}\n`);
  return 0;
}

interface Asked {
  readonly partitions: number | null;
  readonly replication: number | null;
  readonly retentionDays: number | null;
}

function planTopics(config: Config, { partitions, replication, retentionDays }: Asked): TopicPlan[] {
  const retentionMs = retentionDays === null ? null : retentionDays * DAY_MS;
  const plan = (name: string, asked: number | null, otherwise: number): TopicPlan => ({
    name,
    partitions: asked,
    replication,
    retentionMs,
    whenNew: { partitions: otherwise, retentionMs: RETENTION_DAYS * DAY_MS },
  });
  return [
    plan(config.topic, partitions, PARTITIONS),
    plan(DERIVED_TOPIC, partitions, PARTITIONS),
    // Few and small: one reader keeps up with them.
    plan(DEAD_LETTER_TOPIC, null, 1),
  ];
}

function readWhole(name: string, value: string | undefined, min: number, max: number): number | null {
  if (value === undefined) return null;
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < min || number > max)
    throw new WordsError(`${name} is '${value}'; it takes a whole number from ${min} to ${max}.`);
  return number;
}
