/** What the test provider has seen: requests, secrets, and breaches of rules that no client may break. */
import { EventEmitter } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';

export type Endpoint = 'discovery' | 'jwks' | 'authorize' | 'token' | 'userinfo' | 'revoke' | 'api';

export interface ReceivedRequest {
  readonly at: Date;
  /** Absent for a path that is no endpoint. */
  readonly endpoint: Endpoint | undefined;
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  /** The fields of a form; undefined until the body has come, and for anything else. */
  body: Readonly<Record<string, string>> | undefined;
  rawBody: string;
  /** The body as it came. */
  bytes: Buffer;
}

/** A shorter value, made up by a test, would be found by accident. */
const SHORTEST_CANARY = 12;

/** RFC 6750 §2.3, RFC 6749 §2.3.1: what has no place in an address, whatever its value. */
const NEVER_IN_AN_ADDRESS = ['access_token', 'refresh_token', 'id_token', 'client_secret', 'code_verifier', 'token'];

export class Ledger {
  readonly #requests: ReceivedRequest[] = [];
  readonly #violations: string[] = [];
  readonly #secrets = new Set<string>();
  readonly #passing = new Set<string>();
  readonly #arrivals = new EventEmitter().setMaxListeners(0);

  get requests(): readonly ReceivedRequest[] {
    return this.#requests;
  }

  /** Sentences; a test run that leaves one behind has failed. */
  get violations(): readonly string[] {
    return this.#violations;
  }

  /** Every secret of the run. None may be found in a log, a dump of the database or a page. */
  get canaries(): readonly string[] {
    return [...this.#secrets, ...this.#passing];
  }

  enter(request: ReceivedRequest, address: string): void {
    this.#requests.push(request);
    const what = `${request.method} ${request.path}`;
    for (const name of NEVER_IN_AN_ADDRESS) {
      if (name in request.query) this.complain(`${name} in the address of ${what}`);
    }
    const decoded = Object.values(request.query);
    for (const secret of this.#secrets) {
      if (address.includes(secret) || decoded.includes(secret)) this.complain(`a secret in the address of ${what}`);
    }
    this.#arrivals.emit('request');
  }

  complain(violation: string): void {
    this.#violations.push(violation);
  }

  /** A secret that may stand in no address. */
  keep(secret: string | undefined): void {
    if (secret && secret.length >= SHORTEST_CANARY) this.#secrets.add(secret);
  }

  /** A secret that travels through the browser's address line: state, nonce. */
  keepPassing(secret: string | undefined): void {
    if (secret && secret.length >= SHORTEST_CANARY) this.#passing.add(secret);
  }

  count(endpoint: Endpoint): number {
    return this.#requests.filter((request) => request.endpoint === endpoint).length;
  }

  /** Resolves when this many requests have arrived at an endpoint since the last reset. */
  async arrived(endpoint: Endpoint, count: number): Promise<void> {
    while (this.count(endpoint) < count) {
      await new Promise((resolve) => this.#arrivals.once('request', resolve));
    }
  }

  /** Forgets requests and violations; secrets stay secrets. */
  reset(): void {
    this.#requests.length = 0;
    this.#violations.length = 0;
  }
}
