import { promisify } from 'node:util';
import { constants, gunzip, gzip, zstdCompress, zstdDecompress } from 'node:zlib';
import { compressionsAlgorithms } from '@platformatic/kafka';
import type { Compression } from './options.ts';

/** The compressions of Kafka. Those that Node has itself run beside the event loop. */

const zstd = promisify(zstdCompress);
const unzstd = promisify(zstdDecompress);
const zip = promisify(gzip);
const unzip = promisify(gunzip);

/** What a batch may become: a broker that is not ours could send one that never ends. */
const BATCH_BYTES_MAX = 256 * 1024 * 1024;

const NAMES: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/** The number that says in a batch how it is compressed. */
export function compressionNumber(name: Compression): number {
  return NAMES.indexOf(name);
}

export async function compress(name: Compression, bytes: Buffer): Promise<Buffer> {
  switch (name) {
    case 'none':
      return bytes;
    case 'zstd':
      return await zstd(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
    case 'gzip':
      return await zip(bytes, { level: 1 });
    default:
      return Buffer.from(compressionsAlgorithms[name].compressSync(bytes));
  }
}

export async function decompress(number: number, bytes: Buffer): Promise<Buffer> {
  const name = NAMES[number];
  switch (name) {
    case undefined:
      throw new Error(`A batch is compressed in a way (${number}) that this version does not know.`);
    case 'none':
      return bytes;
    case 'zstd':
      return await unzstd(bytes, { maxOutputLength: BATCH_BYTES_MAX });
    case 'gzip':
      return await unzip(bytes, { maxOutputLength: BATCH_BYTES_MAX });
    default:
      return Buffer.from(compressionsAlgorithms[name].decompressSync(bytes));
  }
}
