import { lookup as resolve } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/**
 * Which addresses a webhook may reach. A URL is an operator's word, but its name resolves to whatever its owner says at
 * the moment: to this machine, to a neighbour, to the metadata service of a cloud. So the address itself is looked at,
 * of each connection, after the name was resolved.
 */

/** Not global unicast: RFC 6890 and the IANA registries of special-purpose addresses, and what embeds IPv4 in IPv6. */
const SPECIAL = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/127',
  '::ffff:0:0/96',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
  '5f00::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
];

/** Apart: in one list an IPv4 address is also looked for as IPv6, where all of them are special. */
const special = { ipv4: new BlockList(), ipv6: new BlockList() };
for (const range of SPECIAL) {
  const [address = '', bits] = range.split('/');
  const family = address.includes(':') ? 'ipv6' : 'ipv4';
  special[family].addSubnet(address, Number(bits), family);
}

export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0) return false;
  const family = address.includes(':') ? 'ipv6' : 'ipv4';
  return !special[family].check(address, family);
}

/** The address of a URL's host when it is one itself; null for a name. */
export function literalAddress(url: URL): string | null {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return isIP(host) === 0 ? null : host;
}

export class ForbiddenAddressError extends Error {
  readonly code = 'address_forbidden';
}

export function forbidden(host: string): ForbiddenAddressError {
  return new ForbiddenAddressError(
    `${host} is a loopback, private or special address. ANALYTICS_WEBHOOK_ALLOW_PRIVATE=1 allows those.`,
  );
}

/** Resolves a name as `net.connect` wants it, and leaves out every address that is not public. */
export const lookupPublic: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, found) => {
    if (error) return callback(error, '', 0);
    const open = found.filter(({ address }) => isPublicAddress(address));
    const [first] = open;
    if (first === undefined) return callback(forbidden(hostname), '', 0);
    if (options.all) return callback(null, open);
    return callback(null, first.address, first.family);
  });
};
