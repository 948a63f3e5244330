import type { Fixture, FixtureCall, FixtureChanges } from './fixture.js';

type Json = Record<string, unknown>;

/** What the provider says in one sign-in: the fixture with what differs this time. */
export interface Scenario {
  /** Parameters of the callback beside code and state. */
  readonly callback: Readonly<Record<string, string>>;
  readonly token: Json;
  /** Of the id_token, beside iss, aud, iat, exp and nonce; undefined where there is none. */
  readonly claims: Json | undefined;
  /** Also those that make an id_token: a claim that stands here is left out. */
  readonly withoutClaims: readonly string[];
  readonly calls: Readonly<Record<string, FixtureCall>>;
}

export function scenarioOf(fixture: Fixture, changes: Partial<FixtureChanges> = {}): Scenario {
  const { callback = {}, token = {}, claims = {}, withoutClaims = [], calls = {} } = changes;
  const merged: Record<string, FixtureCall> = { ...fixture.calls };
  for (const [key, change] of Object.entries(calls)) {
    merged[key] = { scheme: 'Bearer', status: 200, ...fixture.calls[key], ...present(change) };
  }
  return {
    callback: { ...fixture.callback.parameters, ...callback },
    token: { ...fixture.token.answer, ...token },
    claims: fixture.idToken && without({ ...fixture.idToken.claims, ...claims }, withoutClaims),
    withoutClaims,
    calls: merged,
  };
}

/** Whether the id_token has the email address and the name, so that a sign-in is one call. */
export function saysEnough({ claims }: Scenario, { email }: Fixture['profile']): boolean {
  const isName = (name: string) => typeof claims?.[name] === 'string' && claims[name] !== '';
  return ['name', 'given_name', 'family_name'].some(isName) && (email === null || claims?.email === email);
}

/** The same without a name in the id_token, so that userinfo is requested. */
export function withoutName({ claims, ...scenario }: Scenario): Scenario {
  return { ...scenario, claims: claims && without(claims, ['name', 'given_name', 'family_name']) };
}

/** A place in what the provider says. */
export interface Place {
  readonly source: 'token' | 'claims' | 'call';
  /** Of the call. */
  readonly key: string;
  readonly path: readonly (string | number)[];
  readonly value: unknown;
}

/** Every value that the provider says, objects and lists included, and the answers themselves not. */
export function placesOf(scenario: Scenario): Place[] {
  const places: Place[] = [];
  const walk = (source: Place['source'], key: string, value: unknown, path: Place['path']): void => {
    if (path.length > 0) places.push({ source, key, path, value });
    if (typeof value !== 'object' || value === null) return;
    const entries: [string | number, unknown][] = Array.isArray(value)
      ? value.map((item, index): [number, unknown] => [index, item])
      : Object.entries(value);
    for (const [name, inner] of entries) walk(source, key, inner, [...path, name]);
  };
  walk('token', '', scenario.token, []);
  if (scenario.claims) walk('claims', '', scenario.claims, []);
  for (const [key, { answer }] of Object.entries(scenario.calls)) walk('call', key, answer, []);
  return places;
}

/** The scenario with another value at a place; with `undefined`, without it. */
export function replaced(scenario: Scenario, { source, key, path }: Place, value: unknown): Scenario {
  switch (source) {
    case 'token':
      return { ...scenario, token: put(scenario.token, path, value) as Json };
    case 'claims':
      return { ...scenario, claims: put(scenario.claims, path, value) as Json };
    case 'call': {
      const call = scenario.calls[key];
      if (!call) return scenario;
      const answer = put(call.answer, path, value) as FixtureCall['answer'];
      return { ...scenario, calls: { ...scenario.calls, [key]: { ...call, answer } } };
    }
  }
}

/** How a place is called in a report: `images[0].url of GET https://api.example.com/me`. */
export function nameOf({ source, key, path }: Place): string {
  const inside = path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '');
  return `${inside} of ${source === 'call' ? key : source === 'claims' ? 'the id_token' : 'the token answer'}`;
}

function put(target: unknown, [head, ...rest]: readonly (string | number)[], value: unknown): unknown {
  if (head === undefined) return value;
  if (Array.isArray(target)) {
    const inner = rest.length === 0 ? value : put(target[Number(head)], rest, value);
    return target.flatMap((item: unknown, index) => (index === head ? (inner === undefined ? [] : [inner]) : [item]));
  }
  const object = target as Json;
  const inner = rest.length === 0 ? value : put(object[head], rest, value);
  return inner === undefined ? without(object, [String(head)]) : { ...object, [head]: inner };
}

function without(object: Json, names: readonly string[]): Json {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}

function present<Value extends object>(value: Value): Partial<Value> {
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as Partial<Value>;
}
