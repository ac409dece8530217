/** Where a request comes from: the client's address behind trusted proxies, and lists of allowed addresses. */
import type { IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP } from 'node:net';

/** What access needs of a request; node's IncomingMessage is one. */
export interface AccessRequest {
  readonly headers: IncomingHttpHeaders;
  readonly url?: string;
  readonly socket: { readonly remoteAddress?: string };
}

export interface AddressList {
  readonly empty: boolean;
  has(address: string): boolean;
}

/**
 * Reads a comma-separated list of addresses and CIDR blocks, v4 and v6.
 * @throws TypeError that names the entry which is neither.
 */
export function readAddressList(text: string): AddressList {
  const entries = text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  const list = new BlockList();
  for (const entry of entries) addEntry(list, entry);
  return {
    empty: entries.length === 0,
    has(address) {
      const family = isIP(address);
      return family !== 0 && list.check(address, family === 6 ? 'ipv6' : 'ipv4');
    },
  };
}

function addEntry(list: BlockList, entry: string): void {
  const slash = entry.indexOf('/');
  const address = slash < 0 ? entry : entry.slice(0, slash);
  const family = isIP(address);
  const bits = slash < 0 ? (family === 6 ? 128 : 32) : Number(entry.slice(slash + 1) || Number.NaN);
  if (family === 0 || !Number.isInteger(bits) || bits < 0 || bits > (family === 6 ? 128 : 32)) {
    throw new TypeError(
      `${JSON.stringify(entry)} is neither an IP address nor a CIDR block such as 10.0.0.0/8`,
    );
  }
  list.addSubnet(address, bits, family === 6 ? 'ipv6' : 'ipv4');
}

/** The address at the other end of the socket, '' when it is already gone. IPv4 in IPv6 is written as IPv4. */
export function peerAddress(request: AccessRequest): string {
  const address = request.socket.remoteAddress ?? '';
  return plainAddress(address);
}

/**
 * The client's address: the last entry of `X-Forwarded-For` that is not a trusted proxy, when the peer is one.
 * Entries left of it are the client's own words and are not believed.
 */
export function clientAddress(request: AccessRequest, trusted: AddressList): string {
  let address = peerAddress(request);
  if (trusted.empty || !trusted.has(address)) return address;
  const forwarded = request.headers['x-forwarded-for'];
  if (forwarded === undefined) return address;
  const hops = (Array.isArray(forwarded) ? forwarded.join(',') : forwarded).split(',');
  for (let i = hops.length - 1; i >= 0; i--) {
    const hop = plainAddress(hops[i]!.trim());
    if (isIP(hop) === 0) return address;
    address = hop;
    if (!trusted.has(hop)) return address;
  }
  return address;
}

function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
