/**
 * The authorization endpoint of the test provider (RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core §3.1.2.1):
 * what it demands of a request, and the page a browser sees.
 */
import type { Consent } from './provider-grants.js';

/** What the person does at the provider. `scopes` grants fewer than were asked. */
export type Choice = { as: string; scopes?: readonly string[] } | { deny: true } | { error: string };

/** `required` demands S256; `ignored` plays the provider that never heard of PKCE. */
export type Pkce = 'required' | 'ignored';

export interface AuthorizationRules {
  readonly clientId: string;
  /** Registered addresses; empty: every loopback address. */
  readonly redirectUris: readonly string[];
  readonly pkce: Pkce;
}

export interface AuthorizationRequest extends Omit<Consent, 'person'> {
  readonly state: string;
  /** Everything that was sent. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** A request that must not be answered with a redirect; the message says what is wrong with it. */
export class AuthorizationRefused extends Error {
  override readonly name = 'AuthorizationRefused';
}

/** Parameters of ours that stand for the person's click, not for the client's wish. */
const CHOICE_PARAMETERS = new Set(['as', 'deny', 'error']);

/** 128 bits in base64url. */
const SHORTEST_RANDOM = 22;

/** @throws AuthorizationRefused */
export function readAuthorizationRequest(address: URL, rules: AuthorizationRules): AuthorizationRequest {
  const parameters = singleParameters(address);
  const { client_id, redirect_uri = '', response_type, scope = '', state = '', nonce } = parameters;
  const scopes = scope.split(' ').filter(Boolean);
  const demand = (holds: boolean, rule: string) => {
    if (!holds) throw new AuthorizationRefused(`authorization request: ${rule}`);
  };

  demand(client_id === rules.clientId, 'client_id is not ours');
  demand(isRegistered(redirect_uri, rules.redirectUris), 'redirect_uri is not registered');
  demand(response_type === 'code', 'response_type is not code');
  demand(scopes.length > 0, 'scope is empty');
  demand(state.length >= SHORTEST_RANDOM, 'state is missing or too short');
  if (scopes.includes('openid')) {
    demand((nonce ?? '').length >= SHORTEST_RANDOM, 'nonce is missing or too short');
  }
  if (rules.pkce === 'required') {
    demand(parameters.code_challenge_method === 'S256', 'code_challenge_method is not S256');
    demand(/^[A-Za-z0-9_-]{43}$/.test(parameters.code_challenge ?? ''), 'code_challenge is not a SHA-256');
  }
  const codeChallenge = rules.pkce === 'required' ? parameters.code_challenge : undefined;
  return { scopes, redirectUri: redirect_uri, nonce, codeChallenge, state, parameters };
}

/** What the address says the person does, for browsers and scripts; undefined: show the page. */
export function choiceIn(address: URL): Choice | undefined {
  const as = address.searchParams.get('as');
  if (as !== null) return { as };
  if (address.searchParams.has('deny')) return { deny: true };
  const error = address.searchParams.get('error');
  return error === null ? undefined : { error };
}

export function authorizationPage(parameters: Readonly<Record<string, string>>, people: readonly string[]): string {
  const kept = Object.entries(parameters).map(
    ([name, value]) => `<input type="hidden" name="${escaped(name)}" value="${escaped(value)}">`,
  );
  const buttons = people.map((person) => `<button name="as" value="${escaped(person)}">${escaped(person)}</button>`);
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Test provider</title>
<h1>Who are you?</h1>
<form method="get" action="/authorize">
${[...kept, ...buttons, '<button name="deny" value="true">Deny</button>'].join('\n')}
</form></html>
`;
}

/** RFC 6749 §3.1: no parameter more than once. */
function singleParameters(address: URL): Record<string, string> {
  const parameters: Record<string, string> = {};
  for (const [name, value] of address.searchParams) {
    if (CHOICE_PARAMETERS.has(name)) continue;
    if (Object.hasOwn(parameters, name))
      throw new AuthorizationRefused(`authorization request: ${name} comes more than once`);
    parameters[name] = value;
  }
  return parameters;
}

function isRegistered(redirectUri: string, registered: readonly string[]): boolean {
  if (registered.length > 0) return registered.includes(redirectUri);
  return URL.canParse(redirectUri) && /^(127\.0\.0\.1|localhost|\[::1\])$/.test(new URL(redirectUri).hostname);
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character);
}
