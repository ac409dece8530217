/** The service under demonstration, over a few keep-alive connections. */
import http from 'node:http';
import https from 'node:https';

export interface Answer {
  readonly status: number;
  /** From Retry-After, when there is one. */
  readonly retryAfterMs: number | null;
  readonly text: string;
}

/** Rejects when no answer came, so that it is not known what became of the request. */
export type Post = (body: Uint8Array, headers: Readonly<Record<string, string>>) => Promise<Answer>;

export interface Service {
  readonly post: Post;
  /** Asks for JSON past every cache. `body` is null when it is no JSON. Rejects when no answer came. */
  ask(path: string): Promise<{ status: number; body: unknown }>;
  putVideos(videos: readonly object[]): Promise<Answer>;
  close(): void;
}

export interface ServiceOptions {
  readonly url: string;
  readonly apiKey: string | undefined;
  /** For questions and the catalogue; the API key when there is none. */
  readonly readKey: string | undefined;
  readonly connections: number;
}

const answerTimeoutMs = 30_000;

function readRetryAfter(header: string | undefined): number | null {
  if (header === undefined) return null;
  const ms = /^\d+(\.\d+)?$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}

export function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export function openService({ url, apiKey, readKey = apiKey, connections }: ServiceOptions): Service {
  const base = new URL(url);
  const { Agent, request } = base.protocol === 'https:' ? https : http;
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const credential = (key: string | undefined): Record<string, string> =>
    key === undefined ? {} : { authorization: `Bearer ${key}` };

  function call(
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: Uint8Array,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const target = new URL(path.slice(1), base.href.endsWith('/') ? base : `${base.href}/`);
      const length = body ? { 'content-length': String(body.byteLength) } : {};
      const outgoing = request(target, {
        method,
        agent,
        headers: { ...headers, ...length },
        timeout: answerTimeoutMs,
      });
      outgoing.on('timeout', () =>
        outgoing.destroy(new Error(`no answer within ${answerTimeoutMs / 1000} s`)),
      );
      outgoing.on('error', reject);
      outgoing.on('response', (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            retryAfterMs: readRetryAfter(incoming.headers['retry-after']),
            text: Buffer.concat(chunks).toString(),
          }),
        );
      });
      outgoing.end(body);
    });
  }

  return {
    post: (body, headers) => call('POST', '/events', { ...headers, ...credential(apiKey) }, body),
    async ask(path) {
      const headers = { accept: 'application/json', 'cache-control': 'no-cache', ...credential(readKey) };
      const { status, text } = await call('GET', path, headers);
      return { status, body: readJson(text) };
    },
    putVideos: (videos) =>
      call(
        'PUT',
        '/v1/videos',
        { 'content-type': 'application/json', ...credential(readKey) },
        Buffer.from(JSON.stringify(videos)),
      ),
    close: () => agent.destroy(),
  };
}
