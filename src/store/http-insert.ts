/**
 * Posts a block of rows to ClickHouse. A path of its own beside @clickhouse/client, since a block is finished bytes that
 * need no stream, no encoding and no copy, and since the caller must know exactly what became of it.
 */
import http from 'node:http';
import https from 'node:https';
import {
  createAnswerError,
  createConnectionError,
  readErrorCode,
  StoreError,
  TIMEOUT_EXCEEDED,
} from './store-error.ts';

export interface InsertTarget {
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly agent: http.Agent;
}

export interface InsertRequest {
  /** Everything in the URL's query: the INSERT itself, query id, settings. */
  readonly parameters: URLSearchParams;
  readonly body: readonly Uint8Array[];
  readonly timeoutMs: number;
}

const ANSWER_CHARS_MAX = 64 * 1024;

export function createAgent(url: string): http.Agent {
  // Node closes an idle socket a second before the time that the server announces for it.
  const options: http.AgentOptions = { keepAlive: true, maxSockets: 8, scheduling: 'lifo' };
  return url.startsWith('https:') ? new https.Agent(options) : new http.Agent(options);
}

/** Resolves when ClickHouse has written the block; rejects with StoreError. */
export function postInsert(target: InsertTarget, insert: InsertRequest): Promise<void> {
  const url = new URL(target.url);
  for (const [name, value] of insert.parameters) url.searchParams.append(name, value);
  const bytes = insert.body.reduce((sum, chunk) => sum + chunk.length, 0);
  return new Promise<void>((done, refuse) => {
    const request = (url.protocol === 'https:' ? https : http).request(url, {
      method: 'POST',
      agent: target.agent,
      auth: `${target.username}:${target.password}`,
      // With its length said, a body that was cut off can never pass for a whole one.
      headers: { 'content-length': bytes, 'content-type': 'application/octet-stream' },
    });
    let sent = false;
    let settled = false;
    const settle = (error: StoreError | null): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      if (error === null) done();
      else refuse(error);
    };
    const timer = setTimeout(() => {
      const message = `ClickHouse did not answer within ${insert.timeoutMs} ms`;
      settle(new StoreError(sent ? 'unknown_outcome' : 'unavailable', TIMEOUT_EXCEEDED, message));
      request.destroy();
    }, insert.timeoutMs);
    request.on('socket', (socket) => {
      const connected = () => {
        sent = true;
      };
      if (socket.connecting) socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', connected);
      else connected();
    });
    request.on('error', (error) => settle(createConnectionError(error, sent)));
    request.on('response', (response) => readAnswer(response, settle));
    request.cork();
    for (const chunk of insert.body) request.write(chunk);
    request.end();
  });
}

function readAnswer(response: http.IncomingMessage, settle: (error: StoreError | null) => void): void {
  const status = response.statusCode ?? 0;
  let text = '';
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    if (text.length < ANSWER_CHARS_MAX) text += chunk;
  });
  response.on('error', (error) => settle(createConnectionError(error, true)));
  response.on('end', () => {
    const header = response.headers['x-clickhouse-exception-code'];
    const code = readErrorCode(typeof header === 'string' ? header : undefined, text);
    if (status === 200 && code === null) settle(null);
    else settle(createAnswerError(code, text.trim() || `ClickHouse answered ${status}`, status));
  });
}
