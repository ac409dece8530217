/**
 * Whether those who were let in may stay: a socket outlives the request that opened it, and must not outlive its key or token.
 *
 * The door asks again for each credential, once for all of its sockets, by the very rules of the handshake. While nobody
 * can tell (the catalogue is away) everybody stays, as by HTTP keys used lately stay good.
 */
import type { WebSocket } from 'ws';
import type { AccessRequest } from '../access/addresses.ts';
import { readCredential } from '../access/keys.ts';
import type { Admission, Authorize } from './subscription.ts';

/** Close codes for applications (4000 to 4999), after the status that a request would get. */
const CLOSE_UNAUTHORIZED = 4401;
const CLOSE_FORBIDDEN = 4403;
/** RFC 6455, 5.5: a control frame has 125 bytes, of which the code takes two. */
const REASON_BYTES_MAX = 123;

/** What is kept of a handshake. */
export interface Pass {
  readonly request: AccessRequest;
  /** '' without one. */
  readonly credential: string;
  /** Who it was. */
  readonly id: string;
}

export interface Guest {
  readonly socket: Pick<WebSocket, 'close'>;
  readonly pass: Pass;
}

export interface RecheckOptions {
  readonly authorize: Authorize;
  readonly guests: () => Iterable<Guest>;
  readonly everyMs: number;
  /** Guests and credentials handled before others on the event loop get their turn. */
  readonly slice: number;
}

/** Address and credential as the handshake had them: the request's own socket forgets its address when it ends. */
export function keepPass(request: AccessRequest, id: string): Pass {
  const { authorization, 'x-api-key': key, 'x-forwarded-for': forwarded } = request.headers;
  const { remoteAddress } = request.socket;
  return {
    request: {
      headers: {
        ...(authorization !== undefined && { authorization }),
        ...(key !== undefined && { 'x-api-key': key }),
        ...(forwarded !== undefined && { 'x-forwarded-for': forwarded }),
      },
      ...(request.url !== undefined && { url: request.url }),
      socket: remoteAddress === undefined ? {} : { remoteAddress },
    },
    credential: readCredential(request, true) ?? '',
    id,
  };
}

/** Closes, until it is stopped, whoever would be refused now: 4401 or 4403, with the sentence of the refusal. */
export function startRechecks(options: RecheckOptions): { stop(): void } {
  let busy = false;
  const timer = setInterval(() => {
    // A catalogue that answers slowly is not asked twice at once.
    if (busy) return;
    busy = true;
    void recheckAll(options).finally(() => {
      busy = false;
    });
  }, options.everyMs);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

async function recheckAll({ authorize, guests, slice }: RecheckOptions): Promise<void> {
  const groups = [...Map.groupBy(guests(), ({ pass }) => pass.credential).values()];
  for (let i = 0; i < groups.length; i += slice) {
    await Promise.all(groups.slice(i, i + slice).map((group) => recheck(authorize, group, slice)));
    await new Promise(setImmediate);
  }
}

/** All of them have one credential; their addresses were judged when they came, and no setting changes meanwhile. */
async function recheck(authorize: Authorize, group: readonly Guest[], slice: number): Promise<void> {
  let admission: Admission;
  try {
    admission = await authorize(group[0]!.pass.request, 'socket');
  } catch {
    return;
  }
  let closed = 0;
  for (const { socket, pass } of group) {
    const refusal = refusalOf(admission, pass);
    if (refusal === null) continue;
    socket.close(refusal.code, Buffer.from(refusal.reason).toString('utf8', 0, REASON_BYTES_MAX));
    if (++closed % slice === 0) await new Promise(setImmediate);
  }
}

function refusalOf(admission: Admission, { id }: Pass): { code: number; reason: string } | null {
  if (!admission.granted) {
    const known = admission.code === 'wrong_scope' || admission.code === 'address_forbidden';
    return { code: known ? CLOSE_FORBIDDEN : CLOSE_UNAUTHORIZED, reason: admission.detail };
  }
  // Where the door is open, who comes with a bad key is let in as anybody, and may see more, or other apps, than before.
  if (admission.id === id) return null;
  return { code: CLOSE_UNAUTHORIZED, reason: 'The key or token counts no more; connect again.' };
}
