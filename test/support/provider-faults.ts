/**
 * What can go wrong between us and a provider, as tables for `it.each`.
 *
 *   answerFaults     connection, status, redirect and body: fit every endpoint
 *   tokenFaults      answerFaults, OAuth errors and damaged fields: the whole list for the token endpoint
 *   userinfoFaults, jwksFaults, discoveryFaults   what only these can get wrong
 *
 * `expectedCode` and `expectedStatus` are the house's answer as the contract has it (section 5) when a fault of
 * `tokenFaults` meets the code exchange of a sign-in; in the last three tables, when it meets their endpoint.
 */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

/** An answer of an endpoint before it is written: an object becomes JSON, undefined an empty body. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, unknown>>;
}

export interface FaultContext {
  /** What the endpoint says when nothing is wrong. Asking spends the code or rotates the token, as it would there. */
  readonly honest: () => Promise<Answer>;
  /** Origin of a listener that must never be contacted. */
  readonly elsewhere: string;
  /** Fires when nobody waits for the answer any more, at the latest when the provider is closed. */
  readonly gone: AbortSignal;
}

/** A fault that never calls `honest` leaves code and tokens as good as they were. */
export interface ProviderFault {
  readonly name: string;
  readonly apply: (request: IncomingMessage, response: ServerResponse, context: FaultContext) => void | Promise<void>;
  readonly expectedCode: string;
  readonly expectedStatus: number;
  /** Strikes before the body of the request is read. */
  readonly beforeBody?: true;
}

type Apply = ProviderFault['apply'];
type Expected = Pick<ProviderFault, 'expectedCode' | 'expectedStatus'>;

/** The sign-in goes through. */
const OK: Expected = { expectedCode: 'ok', expectedStatus: 303 };
const CODE_REJECTED: Expected = { expectedCode: 'code_rejected', expectedStatus: 400 };
const REFUSED: Expected = { expectedCode: 'provider_refused', expectedStatus: 502 };
const UNREACHABLE: Expected = { expectedCode: 'provider_unreachable', expectedStatus: 502 };
const TIMEOUT: Expected = { expectedCode: 'provider_timeout', expectedStatus: 504 };
const ANSWER_INVALID: Expected = { expectedCode: 'provider_answer_invalid', expectedStatus: 502 };
const CLAIMS_INVALID: Expected = { expectedCode: 'claims_invalid', expectedStatus: 502 };
const ID_TOKEN_INVALID: Expected = { expectedCode: 'id_token_invalid', expectedStatus: 502 };
/** The claim may be dropped or the answer refused; it must not be stored as it is, and nothing may break. */
const DROPPED_OR_REFUSED: Expected = { expectedCode: 'dropped or refused', expectedStatus: 502 };

/** The name in the answer of `a character split over two chunks`; it must arrive as it is here. */
export const SPLIT_NAME = 'Zoé';

const MEGABYTE = 1024 * 1024;
const SPACES = Buffer.alloc(64 * 1024, ' ');
/** Bodies of this size are legal JSON, so a client that swallows one signs the person in. */
const HUGE_MEGABYTES = 100;
const HTML = '<!doctype html><title>Error</title><h1>Something is wrong</h1>';

/** Writes an answer as it is meant. */
export function send(response: ServerResponse, { status, headers, body }: Answer): void {
  if (body === undefined) sendBytes(response, status, '', { ...headers });
  else sendBytes(response, status, JSON.stringify(body), { 'content-type': 'application/json', ...headers });
}

function sendBytes(
  response: ServerResponse,
  status: number,
  body: string | Buffer,
  headers: Readonly<Record<string, string>>,
): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, { 'cache-control': 'no-store', 'content-length': bytes.length, ...headers }).end(bytes);
}

const jsonOf = ({ body }: Answer) => JSON.stringify(body ?? {});

/** Always the same bytes, called JSON. */
function literally(body: string | Buffer, headers: Readonly<Record<string, string>> = {}): Apply {
  return (_request, response) => sendBytes(response, 200, body, { 'content-type': 'application/json', ...headers });
}

function answering(answer: Answer): Apply {
  return (_request, response) => send(response, answer);
}

/** The honest answer with another text. */
function rewritten(rewrite: (json: string) => string | Buffer, headers: Readonly<Record<string, string>> = {}): Apply {
  return async (_request, response, { honest }) => {
    const answer = await honest();
    sendBytes(response, answer.status, rewrite(jsonOf(answer)), { 'content-type': 'application/json', ...headers });
  };
}

/** The honest answer with other members; `undefined` leaves one out. */
function changed(changes: Readonly<Record<string, unknown>>): Apply {
  return rewritten((json) => JSON.stringify({ ...(JSON.parse(json) as object), ...changes }));
}

/** Begins the honest answer as a chunked body and leaves the rest to the caller. */
async function begin(response: ServerResponse, { honest }: FaultContext): Promise<Buffer> {
  const answer = await honest();
  response.socket?.setNoDelay(true);
  response.writeHead(answer.status, { 'content-type': 'application/json' }).flushHeaders();
  return Buffer.from(jsonOf(answer));
}

function pause(milliseconds: number, { gone }: FaultContext): Promise<void> {
  return sleep(milliseconds, undefined, { signal: gone, ref: false });
}

/** Writes spaces as fast as the client reads them. */
async function writeSpaces(response: ServerResponse, byteCount: number, { gone }: FaultContext): Promise<void> {
  for (let written = 0; written < byteCount && !gone.aborted; written += SPACES.length) {
    if (!response.write(SPACES)) await once(response, 'drain', { signal: gone });
  }
}

const reset: Apply = (request) => void request.socket.resetAndDestroy();

const connectionFaults: readonly ProviderFault[] = [
  { name: 'refused', ...UNREACHABLE, apply: reset, beforeBody: true },
  { name: 'reset before headers', ...UNREACHABLE, apply: reset },
  { name: 'hang', ...TIMEOUT, apply: () => undefined },
  {
    name: 'one byte per second',
    ...TIMEOUT,
    apply: async (_request, response, context) => {
      for (const byte of await begin(response, context)) {
        response.write(Buffer.of(byte));
        await pause(1000, context);
      }
      response.end();
    },
  },
  {
    name: 'truncated: shorter than its Content-Length',
    ...UNREACHABLE,
    // All of the JSON arrives: only the missing rest tells that something was lost.
    apply: async (_request, response, { honest }) => {
      const json = Buffer.from(jsonOf(await honest()));
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': json.length + 64 });
      response.write(json, () => response.socket?.end());
    },
  },
  {
    name: 'reset in the middle of the body',
    ...UNREACHABLE,
    apply: async (request, response, context) => {
      const json = await begin(response, context);
      response.write(json.subarray(0, json.length / 2));
      await pause(20, context);
      request.socket.resetAndDestroy();
    },
  },
  {
    name: 'a chunked body that never ends',
    ...TIMEOUT,
    apply: async (_request, response, context) => void response.write(await begin(response, context)),
  },
];

const htmlFault = (status: number, expected: Expected): ProviderFault => ({
  name: `${status} with an HTML page`,
  ...expected,
  apply: (_request, response) => sendBytes(response, status, HTML, { 'content-type': 'text/html; charset=utf-8' }),
});

const statusFaults: readonly ProviderFault[] = [
  ...[500, 502, 503].map((status) => htmlFault(status, UNREACHABLE)),
  ...[401, 403, 404].map((status) => htmlFault(status, ANSWER_INVALID)),
  {
    name: '429 with Retry-After',
    ...UNREACHABLE,
    apply: (_request, response) =>
      sendBytes(response, 429, HTML, { 'content-type': 'text/html; charset=utf-8', 'retry-after': '7' }),
  },
];

const redirectFaults: readonly ProviderFault[] = [301, 302, 303, 307, 308].map((status) => ({
  name: `redirect ${status}`,
  ...ANSWER_INVALID,
  // The body is the honest answer: a client that takes any body for a success (node `oauth` did) signs somebody in.
  apply: async (request, response, { honest, elsewhere }) =>
    send(response, { ...(await honest()), status, headers: { location: `${elsewhere}${request.url ?? '/'}` } }),
}));

const notAnObject = ['null', '"abc"', '1', 'true', '[]', 'NaN'].map((json) => ({ name: `JSON ${json}`, json }));

const bodyFaults: readonly ProviderFault[] = [
  ...notAnObject.map(({ name, json }) => ({ name, ...ANSWER_INVALID, apply: literally(json) })),
  { name: 'JSON {}', ...ANSWER_INVALID, apply: literally('{}') },
  { name: 'an empty body', ...ANSWER_INVALID, apply: literally('') },
  { name: 'a byte order mark before the JSON', ...ANSWER_INVALID, apply: rewritten((json) => `\uFEFF${json}`) },
  { name: 'garbage after the JSON', ...ANSWER_INVALID, apply: rewritten((json) => `${json} and more`) },
  { name: 'NaN in the JSON', ...ANSWER_INVALID, apply: rewritten((json) => json.replace('{', '{"not_a_number":NaN,')) },
  {
    name: 'nested 1,000 deep',
    ...ANSWER_INVALID,
    apply: literally(`${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}`),
  },
  {
    name: 'invalid UTF-8',
    ...ANSWER_INVALID,
    apply: rewritten((json) =>
      Buffer.concat([Buffer.from('{"name":"Zo'), Buffer.of(0xe9), Buffer.from(`",${json.slice(1)}`)]),
    ),
  },
  {
    name: 'a character split over two chunks',
    ...OK,
    apply: async (_request, response, context) => {
      const honest = JSON.parse((await begin(response, context)).toString()) as object;
      const json = Buffer.from(JSON.stringify({ ...honest, name: SPLIT_NAME }));
      const middle = json.indexOf('é') + 1;
      response.write(json.subarray(0, middle));
      await pause(20, context);
      response.end(json.subarray(middle));
    },
  },
  {
    name: 'an endless body',
    ...ANSWER_INVALID,
    apply: async (_request, response, context) => {
      await begin(response, context);
      await writeSpaces(response, Infinity, context);
    },
  },
  {
    name: 'a body of 100 MB',
    ...ANSWER_INVALID,
    apply: async (_request, response, context) => {
      const json = Buffer.from(jsonOf(await context.honest()));
      const padding = HUGE_MEGABYTES * MEGABYTE;
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': padding + json.length });
      await writeSpaces(response, padding, context);
      response.end(json);
    },
  },
  {
    name: 'a gzip bomb nobody asked for',
    ...ANSWER_INVALID,
    apply: rewritten(gzipBomb, { 'content-encoding': 'gzip' }),
  },
  {
    name: 'a form although JSON was asked for',
    ...ANSWER_INVALID,
    apply: rewritten((json) => new URLSearchParams(JSON.parse(json) as Record<string, string>).toString(), {
      'content-type': 'application/x-www-form-urlencoded',
    }),
  },
];

const oauthError = (error: string, status: number): ProviderFault => ({
  name: `${error} with status ${status}`,
  ...(error === 'invalid_grant' ? CODE_REJECTED : REFUSED),
  apply: answering({ status, body: { error, error_description: '<b>made-up</b> text of the provider' } }),
});

/** RFC 6749 §5.2, with the statuses that providers really send. */
const oauthErrorFaults: readonly ProviderFault[] = [
  oauthError('invalid_grant', 400),
  oauthError('invalid_grant', 401),
  oauthError('invalid_grant', 200),
  oauthError('invalid_client', 401),
  oauthError('invalid_client', 400),
  oauthError('invalid_scope', 400),
  oauthError('unauthorized_client', 400),
  oauthError('unauthorized_client', 403),
  oauthError('invalid_request', 404),
  oauthError('server_error', 200),
  oauthError('server_error', 500),
  oauthError('temporarily_unavailable', 503),
];

const tokenFields = ['access_token', 'token_type', 'expires_in', 'refresh_token', 'id_token', 'scope'] as const;

/** `'1'.repeat` and not letters, so that a huge `expires_in` is wrong by nothing but its size. */
const fieldShapes: Readonly<Record<string, unknown>> = {
  missing: undefined,
  'a number': 12345,
  'an object': { value: 'x' },
  'an array': ['x'],
  'an empty string': '',
  'too large': '1'.repeat(MEGABYTE),
};

/**
 * What RFC 6749 §5.1 leaves to the provider, an empty scope, which GitHub Apps send, and what makes no difference: an
 * empty member is a missing one, a missing type is bearer, scopes can be a list.
 */
const LEGAL_FIELDS = new Set([
  'token_type missing',
  'token_type an empty string',
  'expires_in missing',
  'expires_in a number',
  'expires_in an empty string',
  'refresh_token missing',
  'refresh_token an empty string',
  'scope missing',
  'scope an empty string',
  'scope an array',
]);

const tokenFieldFaults: readonly ProviderFault[] = [
  ...tokenFields.flatMap((field) =>
    Object.entries(fieldShapes).map(([shape, value]) => {
      const name = `${field} ${shape}`;
      return { name, ...(LEGAL_FIELDS.has(name) ? OK : ANSWER_INVALID), apply: changed({ [field]: value }) };
    }),
  ),
  { name: 'access_token of 9 kB', ...OK, apply: changed({ access_token: 'a'.repeat(9 * 1024) }) },
  { name: 'access_token of 65 kB', ...ANSWER_INVALID, apply: changed({ access_token: 'a'.repeat(65 * 1024) }) },
  { name: 'token_type mac', ...ANSWER_INVALID, apply: changed({ token_type: 'mac' }) },
  { name: 'token_type DPoP', ...ANSWER_INVALID, apply: changed({ token_type: 'DPoP' }) },
  { name: 'token_type null', ...OK, apply: changed({ token_type: null }) },
  { name: 'refresh_token null', ...OK, apply: changed({ refresh_token: null }) },
  // RFC 6749 §5.1: the value is case insensitive.
  { name: 'token_type bEARER', ...OK, apply: changed({ token_type: 'bEARER' }) },
  { name: 'expires_in in a string', ...OK, apply: changed({ expires_in: '3600' }) },
  { name: 'expires_in a fraction', ...OK, apply: changed({ expires_in: 3599.9 }) },
  { name: 'expires_in a fraction in a string', ...OK, apply: changed({ expires_in: '3599.9' }) },
];

/** Fit every endpoint. */
export const answerFaults: readonly ProviderFault[] = [
  ...connectionFaults,
  ...statusFaults,
  ...redirectFaults,
  ...bodyFaults,
];

export const tokenFaults: readonly ProviderFault[] = [...answerFaults, ...oauthErrorFaults, ...tokenFieldFaults];

const subjectShapes: Readonly<Record<string, unknown>> = {
  'of another person': 'somebody-else',
  missing: undefined,
  'an empty string': '',
  0: 0,
  'a number': 123,
  null: null,
  'an object': { id: 'x' },
  'an array': ['x'],
  'of 10 kB': 's'.repeat(10_240),
};

const claimShapes: Readonly<Record<string, unknown>> = {
  'a number': 5,
  'an object': { toString: 'x' },
  'an array': [null],
  null: null,
  'of 10 kB': 'x'.repeat(10_240),
  'a text with NUL and half a surrogate pair': 'a\u0000b\ud800c',
};

const optionalClaims = ['email', 'email_verified', 'name', 'given_name', 'family_name', 'picture', 'locale', 'hd'];

const userinfoError = (status: number): ProviderFault => ({
  name: `userinfo ${status}`,
  ...REFUSED,
  apply: answering({
    status,
    headers: status === 401 ? { 'www-authenticate': 'Bearer error="invalid_token"' } : {},
    body: { error: { code: status, message: 'made-up', status: 'UNAUTHENTICATED' } },
  }),
});

export const userinfoFaults: readonly ProviderFault[] = [
  ...[401, 403, 404].map(userinfoError),
  { name: 'a signed answer', ...ANSWER_INVALID, apply: literally('AA.AA.AA', { 'content-type': 'application/jwt' }) },
  ...Object.entries(subjectShapes).map(([shape, sub]) => ({
    name: `sub ${shape}`,
    ...CLAIMS_INVALID,
    apply: changed({ sub }),
  })),
  ...optionalClaims.flatMap((claim) =>
    Object.entries(claimShapes).map(([shape, value]) => ({
      name: `${claim} ${shape}`,
      ...DROPPED_OR_REFUSED,
      apply: changed({ [claim]: value }),
    })),
  ),
];

/** For a client that has not cached the keys yet. */
export const jwksFaults: readonly ProviderFault[] = [
  { name: 'no keys', ...ID_TOKEN_INVALID, apply: changed({ keys: [] }) },
  { name: 'keys that are no keys', ...ID_TOKEN_INVALID, apply: changed({ keys: [{ kty: 'oct', k: 'AA' }] }) },
  { name: 'keys in an object', ...ANSWER_INVALID, apply: changed({ keys: { first: 'x' } }) },
  {
    name: '5,000 keys',
    ...ANSWER_INVALID,
    apply: rewritten((json) => {
      const { keys } = JSON.parse(json) as { keys: object[] };
      return JSON.stringify({
        keys: [...Array.from({ length: 4999 }, (_, i) => ({ ...keys[0], kid: `k${i}` })), ...keys],
      });
    }),
  },
];

/** For a client that has not asked yet, and has no endpoints of its own in its settings. */
export const discoveryFaults: readonly ProviderFault[] = [
  { name: 'issuer of another provider', ...ANSWER_INVALID, apply: changed({ issuer: 'https://issuer.test' }) },
  {
    name: 'issuer with a trailing slash',
    ...ANSWER_INVALID,
    apply: rewritten((json) => json.replace(/"issuer":"[^"]*/, '$&/')),
  },
  { name: 'issuer missing', ...ANSWER_INVALID, apply: changed({ issuer: undefined }) },
  { name: 'token_endpoint missing', ...ANSWER_INVALID, apply: changed({ token_endpoint: undefined }) },
  { name: 'token_endpoint a number', ...ANSWER_INVALID, apply: changed({ token_endpoint: 1 }) },
  {
    name: 'authorization_endpoint a script',
    ...ANSWER_INVALID,
    apply: changed({ authorization_endpoint: 'javascript:alert(1)' }),
  },
];

/** The entry of that name, for a test that needs one fault. @throws Error for a name that no table holds */
export function faultNamed(name: string): ProviderFault {
  const tables = [...tokenFaults, ...userinfoFaults, ...jwksFaults, ...discoveryFaults];
  const found = tables.find((fault) => fault.name === name);
  if (!found) throw new Error(`No provider fault is named "${name}".`);
  return found;
}

/** 100 MB of spaces and then the honest answer, in as many gzip members (RFC 1952 §2.2): about 100 kB on the wire. */
function gzipBomb(json: string): Buffer {
  const member = gzipSync(Buffer.alloc(MEGABYTE, ' '));
  return Buffer.concat([...Array.from({ length: HUGE_MEGABYTES }, () => member), gzipSync(json)]);
}
