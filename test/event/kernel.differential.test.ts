/**
 * Holds the two kernels together: random bodies, good and broken, must give the same scans and the same blocks in every
 * byte. FUZZ_ROUNDS sets the number of rounds, FUZZ_SEED repeats one that failed.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { openReferenceKernel } from '../../src/event/kernel/reference.ts';
import { openKernel } from '../../src/event/kernel/wasm.ts';
import type { BlockBuilder, EventRecord, Kernel } from '../../src/event/kernel.ts';
import { addContents, blockContents, scanContents, scanOptions } from './kernel-contents.ts';
import { Random } from './random.ts';
import { randomBody, testNow } from './random-events.ts';

const rounds = Number(process.env.FUZZ_ROUNDS ?? 1000);
const firstSeed = process.env.FUZZ_SEED === undefined ? Date.now() % 2 ** 31 : Number(process.env.FUZZ_SEED);

let fast: Kernel;
const plain = openReferenceKernel();

before(async () => {
  fast = await openKernel();
});

function compareScans(random: Random, body: Uint8Array): Uint8Array {
  const options = {
    mode: random.pick(['auto', 'auto', 'ndjson'] as const),
    defaultName: random.pick([null, null, 'session_start', 'na"me\n']),
    maxEvents: random.pick([1000, 1000, 1000, 5]),
    sentAt: random.pick([null, null, testNow - 5000]),
  };
  const expected = plain.scanner.scan(body, scanOptions(options));
  const actual = fast.scanner.scan(body, scanOptions(options));
  assert.deepEqual(scanContents(actual), scanContents(expected));
  return new Uint8Array(actual.lines);
}

function randomRecord(random: Random, value: Uint8Array): EventRecord {
  return {
    value,
    receivedAt: testNow,
    sentAt: random.pick([null, testNow - 60_000]),
    app: random.pick(['app', 'demo', '']),
    partition: random.int(4),
    offset: random.int(1000),
    allowed: random.pick([null, { oldest: testNow - 3_600_000, newest: testNow + 3_600_000 }]),
  };
}

/** Adds the same records to both builders, with truncations and assigned sessions in between. */
function compareBlocks(
  random: Random,
  blocks: readonly [BlockBuilder, BlockBuilder],
  values: readonly Uint8Array[],
): void {
  if (random.chance(0.3)) for (const block of blocks) block.reset();
  for (const value of values) {
    const record = randomRecord(random, value);
    const skip = random.chance(0.2) ? Uint8Array.from({ length: random.int(8) }, () => random.int(2)) : null;
    const [actual, expected] = blocks.map((block) => block.add(record, skip));
    assert.deepEqual(addContents(actual!), addContents(expected!));
    if (random.chance(0.1)) for (const block of blocks) block.truncate(expected!.firstRow);
  }
  for (let row = 0; row < blocks[1].rows; row += 1 + random.int(3)) {
    const hash = BigInt(Math.floor(random.next() * 2 ** 53)) << 11n;
    for (const block of blocks) block.assignSession(row, hash);
  }
  assert.deepEqual(blockContents(blocks[0]), blockContents(blocks[1]));
}

test(`both kernels agree on ${rounds} rounds of random bodies`, () => {
  const blocks = [
    fast.createBlockBuilder({ rowsMax: 8, bytesMax: 2048, topic: 't' }),
    plain.createBlockBuilder({ topic: 't' }),
  ] as const;
  for (let round = 0; round < rounds; round++) {
    const seed = firstSeed + round;
    const random = new Random(seed);
    const body = randomBody(random);
    try {
      const lines = compareScans(random, body);
      compareBlocks(random, blocks, [lines, body]);
      if (blocks[0].rows > 200) for (const block of blocks) block.reset();
    } catch (error) {
      const shown = Buffer.from(body.subarray(0, 4000)).toString();
      throw new Error(`FUZZ_SEED=${seed} FUZZ_ROUNDS=1 repeats it. The body:\n${shown}`, { cause: error });
    }
  }
});
