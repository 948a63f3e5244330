import type { Request } from 'express';
import type { Config } from '../config/config.js';
import { ipAddress } from '../config/ip-address.js';
import { isLoopback } from '../config/web-address.js';
import { isPublicAddress } from '../oauth/public-address.js';
import { type Finding, ok, problem, warning } from './finding.js';

/** A request as it arrived, with what proxies on the way have said of it. */
export interface BrowserView {
  /** Header `Host`. */
  readonly host: string;
  readonly isEncrypted: boolean;
  /** Who is connected to us: the browser, or the last proxy. */
  readonly peer: string;
  /** Whether TRUST_PROXY believes that peer. */
  readonly isPeerTrusted: boolean;
  /** Where the browser is, as Gatehouse writes it down. */
  readonly client: string;
  readonly forwarded: {
    readonly for?: string;
    readonly proto?: string;
    readonly host?: string;
    /** RFC 7239, which nothing here reads. */
    readonly standard?: string;
  };
}

export function browserViewOf(request: Request): BrowserView {
  const peer = request.socket.remoteAddress ?? '';
  const isTrusted = request.app.get('trust proxy fn') as (address: string, hop: number) => boolean;
  return {
    host: request.get('host') ?? '',
    isEncrypted: 'encrypted' in request.socket,
    peer: ipAddress(peer) ?? UNKNOWN,
    isPeerTrusted: isTrusted(peer, 0),
    client: ipAddress(request.ip) ?? UNKNOWN,
    forwarded: {
      for: request.get('x-forwarded-for'),
      proto: first(request.get('x-forwarded-proto')),
      host: first(request.get('x-forwarded-host')),
      standard: request.get('forwarded'),
    },
  };
}

/** A socket without an address, or a text of a proxy that is none. */
const UNKNOWN = 'an unknown address';

type Address = Pick<Config, 'baseUrl' | 'trustProxy'>;

/** What can only be told while somebody looks: by which address they came, and who stands between. */
export function browserViewFindings(view: BrowserView, config: Address): Finding[] {
  return [addressFinding(view, config), proxyFinding(view, config)];
}

/** The browser must be where the provider will send it back to, or it comes without the cookie of its attempt. */
function addressFinding(view: BrowserView, { baseUrl }: Address): Finding {
  const { host, isEncrypted, forwarded } = view;
  const isForwarded = forwarded.for !== undefined || forwarded.proto !== undefined || forwarded.host !== undefined;
  const base = new URL(baseUrl);
  const seenHost = forwarded.host ?? host;
  const seenScheme = forwarded.proto ?? (isEncrypted ? 'https' : 'http');
  const seen = `${seenScheme}://${seenHost}`;
  const seenOrigin = URL.canParse(seen) ? new URL(seen) : undefined;
  if (seenOrigin?.origin === base.origin) {
    return ok('address', `Your browser is at ${baseUrl}, where providers send people back to.`);
  }
  if (withoutDefaultPort(seenHost) !== withoutDefaultPort(base.host)) {
    const what = `You came to ${printable(seenHost)}, but BASE_URL is ${baseUrl}: providers send people back there.`;
    // A signed-in browser has a cookie of the right host, so this proxy most likely replaces the header.
    return isForwarded && forwarded.host === undefined
      ? warning(
          'address',
          what,
          'If your browser shows BASE_URL, all is well; let the proxy pass on Host or X-Forwarded-Host. If not, set BASE_URL to what it shows.',
        )
      : problem(
          'address',
          what,
          'Set BASE_URL to the address that your browser shows, or come by the one in BASE_URL. Then restart and register the redirect URIs anew.',
        );
  }
  if (base.protocol === 'http:') {
    return problem(
      'address',
      `You came over https, but BASE_URL is ${baseUrl}: cookies lack Secure and redirect URIs begin with http.`,
      `Set BASE_URL to https://${base.host} and restart.`,
    );
  }
  if (forwarded.proto !== undefined) {
    return problem(
      'address',
      `You came over http, but BASE_URL is ${baseUrl}: a browser sends its session over https alone.`,
      'Let the proxy send every http request on to https.',
    );
  }
  return warning(
    'address',
    `Whether you came over https cannot be told: the last part of the way is plain http, and BASE_URL is ${baseUrl}.`,
    'Let the proxy say so: X-Forwarded-Proto.',
  );
}

function proxyFinding(view: BrowserView, { trustProxy }: Address): Finding {
  const { peer, isPeerTrusted, client, forwarded } = view;
  const sent = [
    ...(forwarded.for === undefined ? [] : ['X-Forwarded-For']),
    ...(forwarded.proto === undefined ? [] : ['X-Forwarded-Proto']),
    ...(forwarded.host === undefined ? [] : ['X-Forwarded-Host']),
  ];
  if (forwarded.standard !== undefined && forwarded.for === undefined) {
    return warning(
      'address',
      'A proxy sends Forwarded, which is not read: everybody seems to come from that proxy.',
      'Let it send X-Forwarded-For and X-Forwarded-Proto, and set TRUST_PROXY.',
    );
  }
  if (trustProxy === undefined) {
    if (sent.length === 0) return ok('address', `No proxy is seen, and none is expected. You come from ${client}.`);
    return problem(
      'address',
      `A proxy at ${peer} sends ${sent.join(', ')}, but TRUST_PROXY is not set: everybody seems to come from there.`,
      `Set TRUST_PROXY to ${isPublicAddress(peer) ? peer : `the number of proxies in front, or to ${peer}`}, and restart. Until then sessions show a wrong address, and one limit of requests is shared by all.`,
    );
  }
  if (sent.length === 0) {
    return warning(
      'address',
      `TRUST_PROXY is set, but no proxy has said anything: you come from ${client}.`,
      'Let the proxy send X-Forwarded-For, and let nobody reach Gatehouse past it: whoever does can claim any address.',
    );
  }
  if (!isPeerTrusted) {
    return problem(
      'address',
      `A proxy at ${peer} sends ${sent.join(', ')}, but TRUST_PROXY does not name it.`,
      `Add ${peer} to TRUST_PROXY and restart.`,
    );
  }
  const hops = (forwarded.for ?? '').split(',').map((hop) => ipAddress(hop.trim()) ?? UNKNOWN);
  if (!isPublicAddress(client) && hops.some(isPublicAddress)) {
    return warning(
      'address',
      `You seem to come from ${client}, which is a proxy: there are more of them than TRUST_PROXY says.`,
      'Raise the number in TRUST_PROXY, or name them all, and restart.',
    );
  }
  return ok(
    'address',
    `The proxy at ${peer} is believed. You come from ${client}.`,
    'If that is not where your browser is, TRUST_PROXY has the wrong number.',
  );
}

function first(header: string | undefined): string | undefined {
  const value = header?.split(',')[0]?.trim();
  return value === '' ? undefined : value;
}

function withoutDefaultPort(host: string): string {
  return host.toLowerCase().replace(/:(80|443)$/, '');
}

/** Whoever asks can write anything into the header. */
function printable(host: string): string {
  const isHost = /^[\w.:[\]-]{1,255}$/.test(host);
  return isHost ? (isLoopback(host.replace(/:\d+$/, '')) ? `${host}, on this machine` : host) : 'another host';
}
