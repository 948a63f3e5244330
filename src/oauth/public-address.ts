/**
 * Keeps what a discovery document says from leading into the operator's own network (server-side request forgery).
 *
 * The operator's settings and the provider's file are the list of what is trusted: an origin they name may be anywhere,
 * for a Keycloak inside the cluster is normal. Every other origin was told by somebody else and must be on the public
 * internet. Strictly so: an issuer on a loopback or private address cannot vouch for another origin there; the
 * operator names that one as well, for example with `<ID>_TOKEN_ENDPOINT`.
 */
import { lookup as systemLookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';

/** IANA IPv4 Special-Purpose Address Registry (RFC 6890), and multicast (RFC 5771). */
const notPublicIpv4 = blockList('ipv4', [
  ['0.0.0.0', 8], // this network, unspecified
  ['10.0.0.0', 8], // private (RFC 1918)
  ['100.64.0.0', 10], // shared by a carrier's customers (RFC 6598)
  ['127.0.0.0', 8], // loopback
  ['169.254.0.0', 16], // link-local (RFC 3927): metadata services of clouds
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.168.0.0', 16], // private
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, broadcast
]);

/**
 * Global unicast (RFC 4291 §2.4) is what IANA hands out. Not in it: unspecified, loopback, fc00::/7, fe80::/10,
 * multicast, and the forms that hold an IPv4 address, ::ffff:0:0/96 and 64:ff9b::/96.
 */
const globalIpv6 = blockList('ipv6', [['2000::', 3]]);
/** IANA IPv6 Special-Purpose Address Registry, as far as it lies in global unicast. */
const notPublicIpv6 = blockList('ipv6', [
  ['2001::', 23], // protocol assignments, Teredo
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4: holds an IPv4 address
  ['3fff::', 20], // documentation
]);

/** Whether an IP address is one on the public internet. Anything that is no IP address is not. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !notPublicIpv4.check(address, 'ipv4');
    case 6:
      return globalIpv6.check(address, 'ipv6') && !notPublicIpv6.check(address, 'ipv6');
    default:
      return false;
  }
}

/** Why a connection was not even tried; `code` stands in the log. */
class AddressNotPublicError extends Error {
  override readonly name = 'AddressNotPublicError';
  readonly code = 'ADDRESS_NOT_PUBLIC';
}

/**
 * A name lookup that fails when it finds any address that is not public. Node connects to what this returns and to
 * nothing else, so a name that answers differently the next time (DNS rebinding) gains nothing.
 */
export function publicLookup(lookup: LookupFunction = systemLookup): LookupFunction {
  return (name, options, callback) => {
    lookup(name, options, (error, found, family) => {
      const addresses = error ? [] : typeof found === 'string' ? [found] : found.map(({ address }) => address);
      const refusal = addresses.every(isPublicAddress) ? null : new AddressNotPublicError('the name leads inside');
      callback(error ?? refusal, found, family);
    });
  };
}

/** Connects to `trusted` origins wherever they are, and to others only at a public address. */
export function connectorTo(
  trusted: ReadonlySet<string>,
  options: buildConnector.BuildOptions,
): buildConnector.connector {
  const anywhere = buildConnector(options);
  const publicOnly = buildConnector({ ...options, lookup: publicLookup() });
  return (target, callback) => {
    if (trusted.has(`${target.protocol}//${target.host}`)) anywhere(target, callback);
    // Node asks no lookup about a host that is an address already.
    else if (isIP(target.hostname) === 0 || isPublicAddress(target.hostname)) publicOnly(target, callback);
    // Later, as a socket would answer.
    else queueMicrotask(() => callback(new AddressNotPublicError('the address is not public'), null));
  };
}

function blockList(family: 'ipv4' | 'ipv6', ranges: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of ranges) list.addSubnet(network, prefix, family);
  return list;
}
