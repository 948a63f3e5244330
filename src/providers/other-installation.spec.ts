import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { readProviderSettings, settingPrefix } from '../config/provider-settings.js';
import { DocumentedProvider } from '../conformance/documented-provider.js';
import { FakeProvider } from '../conformance/fake-provider.js';
import type { Fixture } from '../conformance/fixture.js';
import { fixtureFile, readFixture } from '../conformance/fixtures.js';
import type { Answer, Received } from '../conformance/messages.js';
import { registerClient } from '../conformance/registered-client.js';
import { scenarioOf } from '../conformance/scenario.js';
import { SigningKeys } from '../conformance/signing-keys.js';
import { IdTokenVerifier } from '../oauth/id-token.js';
import { IdentityProof } from '../oauth/identity-proof.js';
import { ProviderHttp } from '../oauth/provider-http.js';
import { defineProvider, type OAuthProvider } from '../oauth/provider.js';
import { ConfiguredProvider } from '../oauth/provider.registry.js';
import { RevocationEndpoint } from '../oauth/revocation-endpoint.js';
import type { SignInAttempt } from '../oauth/sign-in-attempt.js';
import { TokenEndpoint } from '../oauth/token-endpoint.js';
import { readUserinfo } from '../oauth/userinfo.js';
import { loadProviders } from './catalogue.js';

/** Every address of the other installation begins with this; the host and path of the public one follow. */
const OWN = 'https://own.test/';
const BASE_URL = 'https://app.example';
const STATE = 'af0ifjsldkj';
const NONCE = 'n-0S6_WzA2Mj';
// RFC 7636 appendix B
const CODE_VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const CODE_CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
const DEADLINE_MS = 5000;

/** What the API of these providers can be beside the operator's addresses, and why. */
const API_ELSEWHERE: Readonly<Record<string, string>> = {
  salesforce: 'each token response names the instance of the user, and only hosts of Salesforce are accepted',
};

let fake: FakeProvider;
let keys: SigningKeys;
let http: ProviderHttp;
const catalogue = await loadProviders();

beforeAll(async () => {
  [fake, keys] = await Promise.all([FakeProvider.start(), SigningKeys.make()]);
  http = new ProviderHttp(fake.connector);
});

afterAll(async () => {
  await http.onApplicationShutdown();
  await fake.close();
});

/** The provider as documented, at the addresses of the other installation. */
class OtherInstallation extends DocumentedProvider {
  override async answer(request: Received): Promise<Answer> {
    const documented = { ...request, address: publicAddress(request.address), url: publicAddress(request.url) };
    const answer = await super.answer(documented);
    request.kind = documented.kind;
    return answer;
  }
}

describe('a provider whose addresses are set by the operator', () => {
  it.each(catalogue.map((provider) => [provider.id, provider] as const))(
    'is called at these addresses alone: %s',
    async (id, provider) => {
      const fixture = readFixture(fixtureFile(id));
      const { played, configured, allowed } = await atOtherInstallation(provider, fixture);

      const { apiOrigins } = await everyCall(configured, played);

      expect(played.complaints).toEqual([]);
      expect(fake.requests.map(({ url }) => url).filter((url) => !url.startsWith(OWN) && url !== allowed)).toEqual([]);
      expect(fake.requests.map(({ kind }) => kind)).toEqual(expect.arrayContaining(kindsOf(fixture)));
      const elsewhere = apiOrigins.filter((origin) => origin !== new URL(OWN).origin);
      expect(elsewhere.length > 0).toBe(id in API_ELSEWHERE);
    },
  );

  it('cannot have a refresh endpoint on a host of its own', () => {
    const quirks = { refreshEndpoint: 'https://api.example.com/refresh' };
    const plain = { id: 'plain', label: 'Plain', scopes: [], claims: z.unknown(), toProfile: () => ({ subject: '1' }) };
    expect(() => defineProvider({ ...plain, quirks })).toThrow(/"plain": refreshEndpoint/);
    expect(defineProvider({ ...plain, quirks: { refreshEndpoint: 'refresh' } }).quirks?.refreshEndpoint).toBe(
      'refresh',
    );
  });
});

/** The provider, with every address that it has replaced by one of the other installation. */
async function atOtherInstallation(provider: OAuthProvider, fixture: Fixture) {
  const client = registerClient(fixture);
  const prefix = settingPrefix(provider.id);
  const registered = { CLIENT_ID: client.id, CLIENT_SECRET: client.secret, ...fixture.settings };
  const configure = (settings: Readonly<Record<string, string>>) => {
    const environment = Object.fromEntries(
      Object.entries(settings).map(([name, value]) => [`${prefix}_${name}`, value]),
    );
    const read = readProviderSettings(environment, provider, complain, () => undefined, []);
    if (!read) throw new TypeError(`${provider.id} is not configured`);
    return new ConfiguredProvider(provider, read, http, BASE_URL);
  };

  const describesItself = provider.endpoints === undefined || fixture.settings.ISSUER !== undefined;
  const played = new OtherInstallation(fixture, client, keys, describesItself, scenarioOf(fixture));
  fake.played = played;
  const usual = configure(registered);
  const endpoints = await usual.endpoints(undefined, fixture.callback.parameters);
  played.userinfo = provider.idToken && endpoints.userinfo_endpoint;
  fake.requests.length = 0;
  const { authorization_endpoint, token_endpoint, userinfo_endpoint, revocation_endpoint, jwks_uri } = endpoints;
  const own = present({
    AUTHORIZATION_ENDPOINT: authorization_endpoint,
    TOKEN_ENDPOINT: token_endpoint,
    USERINFO_ENDPOINT: userinfo_endpoint,
    REVOCATION_ENDPOINT: revocation_endpoint,
    JWKS_URI: jwks_uri,
  });
  // An issuer is a setting of the operator too: its description may be read, and the other settings win over it.
  const allowed = `${(fixture.settings.ISSUER ?? '').replace(/\/$/, '')}/.well-known/openid-configuration`;
  return { played, configured: configure({ ...registered, ...own }), allowed };
}

/** A sign-in, userinfo, a refresh and a revocation. */
async function everyCall(configured: ConfiguredProvider, played: DocumentedProvider) {
  const tokenEndpoint = new TokenEndpoint(http);
  const { provider } = configured;
  const consent = new URL(`${OWN}consent?state=${STATE}&nonce=${NONCE}`);
  consent.searchParams.set('redirect_uri', configured.redirectUri);
  if (configured.usesPkce) consent.searchParams.set('code_challenge', CODE_CHALLENGE);
  const callback = played.consent(consent.href);
  const details = picked(callback, provider.quirks?.callbackParameters ?? []);
  const grant = {
    grant_type: 'authorization_code',
    code: callback[provider.quirks?.codeParameter ?? 'code'] ?? '',
    redirect_uri: configured.redirectUri,
    ...(configured.usesPkce ? { code_verifier: CODE_VERIFIER } : {}),
  };
  const response = await tokenEndpoint.exchange(configured, grant, configured.scopes, details);

  const attempt = { nonce: NONCE, neededScopes: [] as string[], reauthenticates: false } as SignInAttempt;
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const proof = new IdentityProof(http, new IdTokenVerifier(http));
  const { tokens } = await proof.prove(configured, response, { attempt, details, deadline });
  const known = { ...details, ...tokens.details };

  const userinfo = await configured.userinfoEndpoint(undefined, known);
  if (userinfo !== undefined) {
    await readUserinfo(http, configured, userinfo, { accessToken: tokens.accessToken, details: known });
  }
  const renewed = played.fixture.refresh ? await tokenEndpoint.refresh(configured, tokens) : tokens;
  await new RevocationEndpoint(http, tokenEndpoint).revoke(configured, renewed);
  return { apiOrigins: await configured.apiOrigins(known) };
}

function kindsOf({ refresh, revocation }: Fixture): string[] {
  return ['exchange', ...(refresh ? ['refresh'] : []), ...(revocation ? ['revocation'] : [])];
}

/** `https://own.test/api.example.com/me` for `https://api.example.com/me`. */
function ownAddress(address: string): string {
  return address.replace(/^https:\/\//, OWN);
}

function publicAddress(address: string): string {
  return address.startsWith(OWN) ? `https://${address.slice(OWN.length)}` : address;
}

function present(addresses: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(addresses).flatMap(([name, address]) =>
      address === undefined ? [] : [[name, ownAddress(address)]],
    ),
  );
}

function picked(values: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]])));
}

function complain(setting: string, message: string): never {
  throw new TypeError(`${setting} ${message}`);
}
