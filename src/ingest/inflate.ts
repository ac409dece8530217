/**
 * Compressed bodies, inflated up to a limit and never further. Small ones at once, large ones on the thread pool,
 * so that one request does not hold up the others.
 */
import { promisify } from 'node:util';
import {
  type BrotliOptions,
  brotliDecompress,
  brotliDecompressSync,
  constants,
  gunzip,
  gunzipSync,
  type InputType,
  inflate,
  inflateRaw,
  inflateRawSync,
  inflateSync,
  type ZlibOptions,
  type ZstdOptions,
  zstdDecompress,
  zstdDecompressSync,
} from 'node:zlib';
import { HttpProblem } from '../http/problem.ts';

export type BodyCoding = 'gzip' | 'deflate' | 'br' | 'zstd';

const codings: Readonly<Record<string, BodyCoding>> = {
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
  br: 'br',
  zstd: 'zstd',
};

/** Below this, handing the work to another thread costs more than the work. */
const asyncBytesMin = 32_768;
/** 8 MB: what a zstd frame may make us allocate for its window, whatever it promises. */
const zstdWindowLogMax = 23;

/**
 * The coding that the header names, null for none.
 * @throws HttpProblem `unsupported_encoding`
 */
export function readCoding(contentEncoding: string | undefined): BodyCoding | null {
  if (contentEncoding === undefined) return null;
  const name = contentEncoding.trim().toLowerCase();
  if (name === '' || name === 'identity') return null;
  const coding = codings[name];
  if (coding === undefined) {
    throw new HttpProblem(
      'unsupported_encoding',
      `The Content-Encoding ${JSON.stringify(name)} is not supported.`,
      {
        extra: { supported: ['gzip', 'deflate', 'br', 'zstd'] },
      },
    );
  }
  return coding;
}

/** Some SDKs compress without saying so; no JSON begins with these bytes. */
export function sniffCoding(body: Uint8Array): BodyCoding | null {
  return body.length > 2 && body[0] === 0x1f && body[1] === 0x8b ? 'gzip' : null;
}

/**
 * @throws HttpProblem `body_too_large` when it inflates beyond `bytesMax`, `invalid_encoding` when it is damaged
 */
export async function inflateBody(
  body: Uint8Array,
  coding: BodyCoding,
  bytesMax: number,
): Promise<Uint8Array> {
  try {
    return body.length < asyncBytesMin
      ? inflateNow(body, coding, bytesMax)
      : await inflateLater(body, coding, bytesMax);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new HttpProblem('body_too_large', `The body inflates to more than ${bytesMax} bytes.`, {
        extra: { limit_bytes: bytesMax },
      });
    }
    throw new HttpProblem('invalid_encoding', `The body is not valid ${coding}.`, { cause: error });
  }
}

function inflateNow(body: Uint8Array, coding: BodyCoding, maxOutputLength: number): Uint8Array {
  switch (coding) {
    case 'gzip':
      return gunzipSync(body, { maxOutputLength });
    case 'deflate':
      return hasZlibHeader(body)
        ? inflateSync(body, { maxOutputLength })
        : inflateRawSync(body, { maxOutputLength });
    case 'br':
      return brotliDecompressSync(body, { maxOutputLength });
    case 'zstd':
      return zstdDecompressSync(body, zstdOptions(maxOutputLength));
  }
}

const gunzipAsync = promisify<InputType, ZlibOptions, Buffer>(gunzip);
const inflateAsync = promisify<InputType, ZlibOptions, Buffer>(inflate);
const inflateRawAsync = promisify<InputType, ZlibOptions, Buffer>(inflateRaw);
const brotliAsync = promisify<InputType, BrotliOptions, Buffer>(brotliDecompress);
const zstdAsync = promisify<InputType, ZstdOptions, Buffer>(zstdDecompress);

function inflateLater(body: Uint8Array, coding: BodyCoding, maxOutputLength: number): Promise<Uint8Array> {
  switch (coding) {
    case 'gzip':
      return gunzipAsync(body, { maxOutputLength });
    case 'deflate':
      return hasZlibHeader(body)
        ? inflateAsync(body, { maxOutputLength })
        : inflateRawAsync(body, { maxOutputLength });
    case 'br':
      return brotliAsync(body, { maxOutputLength });
    case 'zstd':
      return zstdAsync(body, zstdOptions(maxOutputLength));
  }
}

function zstdOptions(maxOutputLength: number): ZstdOptions {
  return { maxOutputLength, params: { [constants.ZSTD_d_windowLogMax]: zstdWindowLogMax } };
}

/** HTTP's "deflate" is zlib's format, but some clients send the bare stream. */
function hasZlibHeader(body: Uint8Array): boolean {
  return body.length >= 2 && (body[0]! & 0x0f) === 8 && ((body[0]! << 8) | body[1]!) % 31 === 0;
}
