import ipaddr from 'ipaddr.js';

/**
 * An IP address in the one form that is stored, compared and shown. It accepts what sockets and proxies write: a port,
 * brackets, a zone id (RFC 4007 §11), an IPv4 address inside an IPv6 one. Every result is a valid value of Postgres's `inet`.
 *
 * @returns null for anything that is not an IP address
 */
export function ipAddress(text: string | undefined): string | null {
  const address = parse(text);
  return address ? canonicalText(address) : null;
}

/**
 * What one client can choose addresses from: an IPv4 address, or the /64 of an IPv6 address, which is the smallest
 * network that a provider hands out (RFC 6177).
 *
 * @returns one and the same text for everything that is not an IP address
 */
export function clientNetwork(text: string | undefined): string {
  const address = parse(text);
  if (!(address instanceof ipaddr.IPv6)) return address?.toString() ?? 'unknown';
  return `${new ipaddr.IPv6([...address.parts.slice(0, 4), 0, 0, 0, 0]).toRFC5952String()}/64`;
}

/**
 * An IP address or a CIDR range (RFC 4632) in a spelling that every parser of them reads alike.
 *
 * @returns undefined for anything else
 */
export function addressRange(text: string): string | undefined {
  const [, address = '', prefix] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const parsed = parseStrictly(address);
  if (!parsed) return undefined;
  const canonical = canonicalText(parsed);
  if (prefix === undefined) return canonical;
  const bits = Number(prefix);
  return bits >= 1 && bits <= (parsed.kind() === 'ipv6' ? 128 : 32) ? `${canonical}/${bits}` : undefined;
}

/** Whether the text is an address that can only be this machine: 127.0.0.0/8 or ::1. */
export function isLoopbackAddress(text: string): boolean {
  return parse(text)?.range() === 'loopback';
}

function parse(text = ''): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  const bare = text
    .replace(/^\[(.*)\](:\d+)?$/, '$1')
    .replace(/^([\d.]+):\d+$/, '$1')
    .replace(/%.*$/s, '');
  const address = parseStrictly(bare);
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
}

function canonicalText(address: ipaddr.IPv4 | ipaddr.IPv6): string {
  return address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString();
}

/** Without the short, octal and hexadecimal spellings of IPv4, which each system reads differently. */
function parseStrictly(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  return ipaddr.IPv6.isValid(text) ? ipaddr.IPv6.parse(text) : undefined;
}
