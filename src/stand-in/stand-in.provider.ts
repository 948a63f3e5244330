import { createHash, timingSafeEqual } from 'node:crypto';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { z } from 'zod';
import { EndpointError, StandInError } from './stand-in.errors.js';
import { PEOPLE, type Person } from './people.js';
import { LIFETIME_MS, type Note, type StandInTokens } from './stand-in-tokens.js';

/** Form or query fields, each present once. */
export type Fields = Readonly<Record<string, string | undefined>>;

export interface StandInClient {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUri: string;
}

const KEY_ID = 'stand-in';

/** RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core §3.1.2.1. Parameters it does not know are ignored. */
const authorizationRequest = z.object({
  client_id: z.string(),
  redirect_uri: z.string(),
  response_type: z.literal('code'),
  scope: z.string().refine((scope) => scope.split(' ').includes('openid')),
  state: z.string().min(1),
  nonce: z.string().optional(),
  code_challenge: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  code_challenge_method: z.literal('S256'),
  access_type: z.enum(['online', 'offline']).optional(),
  prompt: z.string().optional(),
});

/** The protocol of the stand-in, without HTTP. Strict where Google is strict. */
export class StandInProvider {
  #key: Promise<{ privateKey: CryptoKey; publicJwk: JWK }> | undefined;

  constructor(
    private readonly client: StandInClient,
    private readonly tokens: StandInTokens,
  ) {}

  /** @returns the request as an opaque value for the consent page; @throws StandInError */
  begin(query: Fields): { request: string; scopes: readonly string[] } {
    // An unknown client or address is never redirected to: it would make this an open redirector.
    if (query.client_id !== this.client.clientId) throw new StandInError('The stand-in does not know this client_id.');
    if (query.redirect_uri !== this.client.redirectUri) {
      throw new StandInError('This redirect_uri is not the registered one.');
    }
    const parsed = authorizationRequest.safeParse(query);
    if (!parsed.success) {
      const names = [...new Set(parsed.error.issues.map(({ path }) => path.join('.')))].join(', ');
      throw new StandInError(`The authorization request is wrong in: ${names}.`);
    }
    const { scope, state, nonce, code_challenge: codeChallenge, access_type, prompt } = parsed.data;
    // Like Google: a refresh token only for offline access, and surely only after consent was asked for.
    const offline = access_type === 'offline' && (prompt ?? '').split(' ').includes('consent');
    const request = this.tokens.give('request', { scope, state, nonce, codeChallenge, offline });
    return { request, scopes: scope.split(' ') };
  }

  /** @returns where the browser goes with the answer; @throws StandInError */
  decide(request: unknown, choice: { subject?: unknown; answer?: unknown }): string {
    const asked = typeof request === 'string' ? this.tokens.read('request', request) : undefined;
    if (!asked) throw new StandInError('This consent page is too old or was changed. Please begin again.');
    const back = new URL(this.client.redirectUri);
    if (choice.answer === 'no') {
      back.searchParams.set('error', 'access_denied');
    } else {
      const person = PEOPLE.find(({ subject }) => subject === choice.subject);
      if (!person) throw new StandInError('Nobody of that name lives here.');
      const { scope, nonce, codeChallenge, offline } = asked;
      const { subject } = person;
      back.searchParams.set('code', this.tokens.give('code', { subject, scope, nonce, codeChallenge, offline }));
    }
    back.searchParams.set('state', asked.state ?? '');
    back.searchParams.set('iss', this.client.issuer);
    return back.href;
  }

  /** The token endpoint. @throws EndpointError */
  async token(body: Fields, authorization: string | undefined): Promise<object> {
    this.#authenticate(body, authorization);
    switch (body.grant_type) {
      case 'authorization_code':
        return this.#exchange(body);
      case 'refresh_token':
        return this.#refresh(body);
      default:
        throw new EndpointError('unsupported_grant_type');
    }
  }

  /** @throws EndpointError `invalid_token` */
  userinfo(authorization: string | undefined): object {
    const token = /^Bearer ([^ ]+)$/i.exec(authorization ?? '')?.[1];
    const note = token === undefined ? undefined : this.tokens.read('access token', token);
    if (!note) throw new EndpointError('invalid_token', 401);
    return claimsOf(personOf(note), note.scope);
  }

  /** RFC 7009: an unknown token is as good as a revoked one. */
  revoke(body: Fields): void {
    const token = body.token ?? '';
    const note = this.tokens.read('refresh token', token) ?? this.tokens.read('access token', token);
    if (note) this.tokens.spend(note);
  }

  /** OpenID Connect Discovery §3. */
  get metadata(): object {
    const { issuer } = this.client;
    return {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      userinfo_endpoint: `${issuer}/userinfo`,
      revocation_endpoint: `${issuer}/revoke`,
      jwks_uri: `${issuer}/keys`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      scopes_supported: ['openid', 'email', 'profile'],
      token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
    };
  }

  async keys(): Promise<{ keys: JWK[] }> {
    return { keys: [(await this.#signingKey()).publicJwk] };
  }

  async #exchange(body: Fields): Promise<object> {
    const code = this.tokens.read('code', body.code ?? '');
    if (!code || body.redirect_uri !== this.client.redirectUri) throw new EndpointError('invalid_grant');
    // Spent before anything else can fail: a code is good for one try.
    this.tokens.spend(code);
    const challenge = createHash('sha256').update((body.code_verifier ?? '')).digest('base64url'); // prettier-ignore
    if (challenge !== code.codeChallenge) throw new EndpointError('invalid_grant');
    const { subject, scope } = code;
    return {
      ...this.#accessToken(code),
      ...(code.offline ? { refresh_token: this.tokens.give('refresh token', { subject, scope }) } : {}),
      id_token: await this.#idToken(code),
    };
  }

  #refresh(body: Fields): object {
    const grant = this.tokens.read('refresh token', body.refresh_token ?? '');
    if (!grant) throw new EndpointError('invalid_grant');
    return this.#accessToken(grant);
  }

  #accessToken({ subject, scope }: Note): object {
    return {
      access_token: this.tokens.give('access token', { subject, scope }),
      token_type: 'Bearer',
      expires_in: LIFETIME_MS['access token'] / 1000,
      scope,
    };
  }

  async #idToken(code: Note): Promise<string> {
    const { privateKey } = await this.#signingKey();
    return new SignJWT({ ...claimsOf(personOf(code), code.scope), nonce: code.nonce, azp: this.client.clientId })
      .setProtectedHeader({ alg: 'RS256', kid: KEY_ID, typ: 'JWT' })
      .setIssuer(this.client.issuer)
      .setAudience(this.client.clientId)
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(privateKey);
  }

  /** RFC 6749 §2.3.1, in the header or in the body. */
  #authenticate(body: Fields, authorization: string | undefined): void {
    const basic = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(authorization ?? '')?.[1];
    const [id, secret] =
      basic === undefined
        ? [body.client_id, body.client_secret]
        : Buffer.from(basic, 'base64').toString().split(':').map((part) => decodeURIComponent(part.replaceAll('+', ' '))); // prettier-ignore
    if (id !== this.client.clientId || !sameText(secret ?? '', this.client.clientSecret)) {
      throw new EndpointError('invalid_client', 401);
    }
  }

  /** Made on first use: two seconds of work on a slow machine that a start should not wait for. */
  #signingKey() {
    this.#key ??= (async () => {
      const { privateKey, publicKey } = await generateKeyPair('RS256', { modulusLength: 2048 });
      return { privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid: KEY_ID, alg: 'RS256', use: 'sig' } };
    })();
    return this.#key;
  }
}

function personOf({ subject }: Note): Person {
  const person = PEOPLE.find((candidate) => candidate.subject === subject);
  if (!person) throw new EndpointError('invalid_grant');
  return person;
}

/** OpenID Connect Core §5.4: each scope opens its claims. */
function claimsOf(person: Person, scope: string): object {
  const scopes = scope.split(' ');
  const { subject, name, givenName, familyName, email, emailVerified, hostedDomain } = person;
  return {
    sub: subject,
    ...(hostedDomain === undefined ? {} : { hd: hostedDomain }),
    ...(scopes.includes('profile') ? { name, given_name: givenName, family_name: familyName, locale: 'en' } : {}),
    ...(scopes.includes('email') && email !== undefined ? { email, email_verified: emailVerified } : {}),
  };
}

function sameText(one: string, other: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
