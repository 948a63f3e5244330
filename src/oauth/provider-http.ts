import { Inject, Injectable, type OnApplicationShutdown, Optional } from '@nestjs/common';
import { gunzipSync } from 'node:zlib';
import { Agent, type buildConnector, request as send } from 'undici';
import { OAuthError, type Step } from './oauth.errors.js';
import { type LaneKind, laneKindOf, ProviderLane } from './provider-lane.js';
import { connectorTo } from './public-address.js';

/** One provider call, from the name lookup to the last byte. */
const CALL_LIMIT_MS = 5000;
/** No honest answer of a token, userinfo, key or discovery endpoint comes near this. */
const ANSWER_LIMIT_BYTES = 256 * 1024;
/** RFC 9325 §3.1.1. Node's default as well, but that can be lowered from outside, by NODE_OPTIONS. */
const OLDEST_TLS = 'TLSv1.2';
/** Where a person's details decide the address, there is no end of origins: the least used are forgotten. */
const LANES_KEPT = 1000;

/** Opens the connections to providers, in place of the ordinary way: for a conformance check, which plays them all. */
export const PROVIDER_CONNECTOR = Symbol('provider connector');
export type ProviderConnector = buildConnector.connector;

export interface ProviderAnswer {
  readonly status: number;
  readonly text: string;
  /** How long the provider wants to be left alone, where it says so (RFC 9110 §10.2.3). */
  readonly retryAfterSeconds?: number;
}

/** An answer as it came, for callers who know what to make of it. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Uint8Array;
}

export interface ProviderCall {
  /** The part of the sign-in this call belongs to. */
  readonly step: Step;
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the call before its own limit does, for example at the deadline of the whole sign-in. */
  readonly signal?: AbortSignal;
  /** Where a late answer is better than none. Default: 5 seconds. */
  readonly limitMs?: number;
  /** What it fails together with, see provider-lane. Default: by its step. */
  readonly lane?: LaneKind;
}

/** A call that may do anything HTTP can do. */
export interface ProviderRequest extends ProviderCall {
  readonly method: string;
  readonly body?: string | Uint8Array;
  /** Default: 256 kB. */
  readonly limitBytes?: number;
}

/**
 * Every byte to and from a provider passes here: with a time limit, a size limit and no redirects; decompressed only
 * where the caller has asked for gzip; read as UTF-8 or refused; and only to public addresses unless the origin is
 * trusted. A provider that is down slows nothing else, see provider-lane. Nothing here judges what a response means.
 */
@Injectable()
export class ProviderHttp implements OnApplicationShutdown {
  readonly #trusted = new Set<string>();
  readonly #forReading: Agent;
  // Such a request spends an authorization code or a refresh token. It gets a connection of its own: on a shared one
  // the provider may just be closing, nobody could tell whether it was received.
  readonly #forSpending: Agent;
  readonly #lanes = new Map<string, ProviderLane>();

  constructor(@Optional() @Inject(PROVIDER_CONNECTOR) connector?: ProviderConnector) {
    const connect = connector ?? connectorTo(this.#trusted, { timeout: CALL_LIMIT_MS, minVersion: OLDEST_TLS });
    this.#forReading = new Agent({ connect });
    this.#forSpending = new Agent({ connect, pipelining: 0 });
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.#forReading.destroy(), this.#forSpending.destroy()]);
  }

  /** Lets the origins of these addresses be anywhere; every other one is reached at a public address only. */
  trust(addresses: readonly string[]): void {
    for (const address of addresses) this.#trusted.add(new URL(address).origin);
  }

  /** Whether nearly all calls of this kind to the origin of an address failed when it was last called. */
  isDown(address: string, kind: LaneKind): boolean {
    return this.#lanes.get(laneName(address, kind))?.isDown ?? false;
  }

  /** @throws OAuthError `provider_unreachable`, `provider_timeout`, `provider_answer_invalid` */
  async get(address: string, call: ProviderCall): Promise<ProviderAnswer> {
    return this.send(address, { ...call, method: 'GET' });
  }

  /** Sends a form (RFC 6749 §4.1.3). Never repeated. Errors as with `get`. */
  async post(address: string, form: Readonly<Record<string, string>>, call: ProviderCall): Promise<ProviderAnswer> {
    return this.send(address, {
      ...call,
      method: 'POST',
      headers: { ...call.headers, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form).toString(),
    });
  }

  /** For a provider whose own way is neither. An answer that redirects is refused. Errors as with `get`. */
  async send(address: string, request: ProviderRequest): Promise<ProviderAnswer> {
    const { step } = request;
    const { status, headers, bytes } = await this.sendRaw(address, request);
    if (status >= 300 && status < 400) throw refused(step, `redirected with ${status}`);
    const encoding = headers['content-encoding'] ?? 'identity';
    const isOffered = encoding === 'identity' || encoding === request.headers?.['accept-encoding'];
    if (!isOffered) throw refused(step, 'answered in an encoding that was not offered');
    const content = encoding === 'gzip' ? decompressed(bytes, request) : bytes;
    return { status, text: decode(content, step), retryAfterSeconds: retryAfter(headers['retry-after']) };
  }

  /** The answer as it came; a redirect is not followed. Errors as with `get`. */
  async sendRaw(address: string, request: ProviderRequest): Promise<RawAnswer> {
    const { step, signal, limitMs = CALL_LIMIT_MS, lane = laneKindOf(step) } = request;
    // Begins here: who waits for a turn waits for the provider.
    const ownLimit = AbortSignal.timeout(limitMs);
    const limit = signal ? AbortSignal.any([signal, ownLimit]) : ownLimit;
    return this.#lane(address, lane).run(step, limit, async () => {
      try {
        return await this.#sendOnce(address, request, limit);
      } catch (error) {
        // RFC 9110 §9.2.2: a safe request on a kept connection that the other side has just closed may be repeated.
        if (isSpending(request) || !wasReset(error) || limit.aborted) throw error;
        return this.#sendOnce(address, request, limit);
      }
    });
  }

  #lane(address: string, kind: LaneKind): ProviderLane {
    const name = laneName(address, kind);
    const lane = this.#lanes.get(name) ?? new ProviderLane(originOf(address), kind);
    this.#lanes.delete(name);
    this.#lanes.set(name, lane);
    const [leastUsed] = this.#lanes.keys();
    if (this.#lanes.size > LANES_KEPT && leastUsed !== undefined) this.#lanes.delete(leastUsed);
    return lane;
  }

  async #sendOnce(address: string, request: ProviderRequest, limit: AbortSignal): Promise<RawAnswer> {
    const { step, method, headers, body, limitBytes = ANSWER_LIMIT_BYTES } = request;
    try {
      const response = await send(address, {
        method: method,
        body,
        dispatcher: isSpending(request) ? this.#forSpending : this.#forReading,
        signal: limit,
        headers: { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'gatehouse', ...headers },
      });
      const tooLarge = (): never => {
        response.body.on('error', () => undefined).destroy();
        throw refused(step, 'answered with too many bytes');
      };
      // RFC 9110 §8.6: there it is the length of a body that does not come.
      const bodiless = method === 'HEAD' || response.statusCode === 304;
      if (!bodiless && Number(response.headers['content-length'] ?? 0) > limitBytes) tooLarge();
      const chunks: Buffer[] = [];
      let received = 0;
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        received += chunk.length;
        if (received > limitBytes) tooLarge();
        chunks.push(chunk);
      }
      return { status: response.statusCode, headers: response.headers, bytes: Buffer.concat(chunks) };
    } catch (cause) {
      if (cause instanceof OAuthError) throw cause;
      if (limit.aborted) throw new OAuthError('provider_timeout', step, 'no full answer in time', { cause });
      throw new OAuthError('provider_unreachable', step, reasonOf(cause), { cause });
    }
  }
}

/** No honest answer is nested more deeply. Whatever walks through a value by recursion has no end of stack. */
const DEPTH_LIMIT = 64;

/** Whether no part of a JSON value is nested more deeply than any honest answer. */
export function isShallow(value: unknown): boolean {
  let level = [value];
  for (let depth = 0; depth <= DEPTH_LIMIT && level.length > 0; depth++) {
    level = level.flatMap((part) =>
      typeof part === 'object' && part !== null ? Object.values<unknown>({ ...part }) : [],
    );
  }
  return level.length === 0;
}

/**
 * Parses an answer that must be JSON.
 *
 * @throws SyntaxError for anything else, and for JSON that is nested too deeply
 */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (!isShallow(value)) throw new SyntaxError('nested too deeply');
  return value;
}

/** Whether a status is one of success. Providers and proxies before them use others than 200, with the same body. */
export function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/**
 * Parses an answer that must be a JSON object, whatever its status.
 *
 * @returns undefined when it is not one
 */
export function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value = parseJson(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

// A byte order mark is kept, so that JSON.parse refuses it (RFC 8259 §8.1).
const UTF8 = { fatal: true, ignoreBOM: true };

function laneName(address: string, kind: LaneKind): string {
  return `${kind} ${originOf(address)}`;
}

/** What is no address has none, and fails when it is called. */
function originOf(address: string): string {
  return URL.canParse(address) ? new URL(address).origin : '';
}

/** Whether a request changes something at the provider: a token request does, also where the provider wants it by GET. */
function isSpending({ method, step }: ProviderRequest): boolean {
  return method !== 'GET' || step === 'token_request';
}

/** @throws OAuthError for what is not gzip, and for what is too large once it is unpacked */
function decompressed(bytes: Uint8Array, { step, limitBytes = ANSWER_LIMIT_BYTES }: ProviderRequest): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: limitBytes });
  } catch (cause) {
    throw new OAuthError('provider_answer_invalid', step, 'answered with unusable gzip', { cause });
  }
}

function decode(bytes: Uint8Array, step: Step): string {
  try {
    return new TextDecoder('utf-8', UTF8).decode(bytes);
  } catch (cause) {
    throw new OAuthError('provider_answer_invalid', step, 'answered in something that is not UTF-8', { cause });
  }
}

/** Seconds, or a date (RFC 9110 §10.2.3); anything else says nothing. */
function retryAfter(header: string | string[] | undefined): number | undefined {
  if (typeof header !== 'string') return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header);
  const seconds = Math.ceil((Date.parse(header) - Date.now()) / 1000);
  return seconds > 0 ? seconds : undefined;
}

function refused(step: Step, message: string): OAuthError {
  return new OAuthError('provider_answer_invalid', step, message);
}

/** Why a connection failed, in the words of Node and OpenSSL: ECONNREFUSED, CERT_HAS_EXPIRED. */
function reasonOf(cause: unknown): string {
  const { code, name } = (cause ?? {}) as { code?: unknown; name?: unknown };
  const reason = typeof code === 'string' ? code : String(name);
  const isTls = /^ERR_(TLS|SSL)_|^EPROTO$|CERT|SIGNATURE/.test(reason);
  return `${isTls ? 'TLS' : 'the connection'} failed: ${reason}`;
}

function wasReset(error: unknown): boolean {
  const cause = error instanceof OAuthError ? (error.cause as { code?: string } | undefined) : undefined;
  return cause?.code === 'ECONNRESET' || cause?.code === 'UND_ERR_SOCKET';
}
