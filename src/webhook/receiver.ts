import http from 'node:http';
import https from 'node:https';
import { forbidden, isPublicAddress, literalAddress, lookupPublic } from './address.ts';
import { signHeaders } from './signature.ts';

/** One receiver of webhooks, and what came of a request to it. */

export interface ReceiverOptions {
  readonly url: URL;
  readonly secrets: readonly Buffer[];
  readonly timeoutMs: number;
  readonly allowPrivate: boolean;
  /** Sockets at most. */
  readonly inFlightMax: number;
  readonly userAgent: string;
  /** Epoch ms. */
  readonly now: () => number;
}

export type Outcome =
  | { readonly taken: true }
  | {
      readonly taken: false;
      /** A sentence. */
      readonly detail: string;
      /** What it asked for; null when it did not. */
      readonly retryAfterMs: number | null;
    };

export interface Receiver {
  /** Host and path, for people and metrics: no credentials, no query. */
  readonly name: string;
  /** One attempt; any 2xx is taken, a redirect is not followed. Rejects only with the signal's reason. */
  send(id: string, body: string, signal: AbortSignal): Promise<Outcome>;
  close(): void;
}

export function openReceiver(options: ReceiverOptions): Receiver {
  const { url, secrets, now, allowPrivate } = options;
  const { Agent, request } = url.protocol === 'https:' ? https : http;
  const agent = new Agent({
    keepAlive: true,
    maxSockets: options.inFlightMax,
    ...(allowPrivate ? {} : { lookup: lookupPublic }),
  });
  const literal = literalAddress(url);

  async function post(id: string, body: string, signal: AbortSignal): Promise<Outcome> {
    if (!allowPrivate && literal !== null && !isPublicAddress(literal)) throw forbidden(literal);
    return await new Promise<Outcome>((resolve, reject) => {
      const headers = {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'user-agent': options.userAgent,
        ...signHeaders(secrets, id, body, now()),
      };
      const sent = request(url, { method: 'POST', agent, headers, signal }, (response) => {
        // What it says beside the status is of no use; the signal ends one that never ends.
        response.resume();
        response.on('error', () => {});
        resolve(judge(response, now()));
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  return {
    name: `${url.host}${url.pathname}`,
    async send(id, body, signal) {
      const timeout = AbortSignal.timeout(options.timeoutMs);
      try {
        return await post(id, body, AbortSignal.any([signal, timeout]));
      } catch (error) {
        signal.throwIfAborted();
        const detail = timeout.aborted
          ? `No answer within ${options.timeoutMs} ms.`
          : `The request failed: ${describe(error)}`;
        return { taken: false, detail, retryAfterMs: null };
      }
    },
    close: () => agent.destroy(),
  };
}

function judge(response: http.IncomingMessage, now: number): Outcome {
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return { taken: true };
  const detail =
    status >= 300 && status < 400
      ? `It answered ${status}, and redirects are not followed.`
      : `It answered ${status}.`;
  return { taken: false, detail, retryAfterMs: readRetryAfter(response.headers['retry-after'], now) };
}

/** Seconds, or a date; null when it says neither. */
export function readRetryAfter(value: string | undefined, now: number): number | null {
  if (value === undefined) return null;
  if (/^\s*\d+\s*$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}

/** Errors of several addresses come as one without a message of its own. */
function describe(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describe).join('; ');
  return error instanceof Error ? error.message || error.name : String(error);
}
