/**
 * What a provider documents, as data: the addresses, the shape of each answer with invented values, and whom they
 * describe. Written from the provider's own pages and never from our code, so that the two can be held against each
 * other. One file a provider: `fixtures/<id>.json`.
 */
import { z } from 'zod';

const strings = z.record(z.string(), z.string());
const json = z.record(z.string(), z.unknown());
/** A JSON body, or the text of another kind. */
const body = { answer: z.json().optional(), text: z.string().optional() };

/** What a call says beside its status and the token's scheme. */
const callFacts = {
  /**
   * Parameters of the address that must be there. Filled in are `{access_token}`, `{refresh_token}`, `{client_id}` and
   * `{client_secret}`, here and in every other text, and `{appsecret_proof}`: the HMAC-SHA256 of the access token under
   * the secret, in hexadecimal digits. `Basic {basic}` is the client as RFC 6749 §2.3.1 has it, `Basic {http_basic}` as
   * RFC 7617 does.
   */
  query: strings.optional(),
  /** Headers that must be there, lower case, beside the token's. */
  headers: strings.optional(),
  /** Fields of a form, where the token travels there and not in a header. */
  form: strings.optional(),
  /** The JSON body of a POST, beside the token's header: a GraphQL query, in which white space does not count. */
  json: json.optional(),
  /** The answer is compressed, whatever was asked for. */
  encoding: z.literal('gzip').optional(),
  ...body,
};
const scheme = z.enum(['Bearer', 'OAuth', 'OAuth2', 'none']);

/** One call that a sign-in makes with the person's token; the key is `GET https://api.example.com/me`. */
const call = z.strictObject({
  ...callFacts,
  /** The word before the token in `Authorization`; `none`: there is no such header. */
  scheme: scheme.default('Bearer'),
  status: z.int().default(200),
});

/** The same without what stays as it is. No defaults: they would be laid over what the usual call says. */
const changedCall = z.strictObject({ ...callFacts, scheme, status: z.int() }).partial();

const profile = z.strictObject({
  subject: z.string(),
  /** Ids under which earlier links are stored: the provider has replaced them by the subject. */
  formerSubjects: z.array(z.string()).optional(),
  email: z.string().nullable(),
  emailVerified: z.boolean(),
  name: z.string().nullable(),
  pictureUrl: z.string().nullable(),
  /** Of the link; without it they are not compared. */
  scopes: z.array(z.string()).optional(),
});

/** What differs from the usual sign-in. Members are laid over the usual ones; a call replaces the one of its key. */
const changes = {
  callback: strings.optional(),
  token: json.optional(),
  /** Claims that the id_token lacks. */
  withoutClaims: z.array(z.string()).optional(),
  claims: json.optional(),
  calls: z.record(z.string(), changedCall).optional(),
  settings: strings.optional(),
};

const failure = z.strictObject({
  name: z.string(),
  status: z.int(),
  ...body,
  /** The code of the error page. */
  code: z.string(),
});

export const fixtureSchema = z.strictObject({
  $schema: z.string().optional(),
  /** The pages that this was written from. */
  source: z.array(z.url()).min(1),
  /** Values of own settings: `{ "TENANT": "common" }` is `<ID>_TENANT`. `ISSUER` where it must be named. */
  settings: strings.default({}),
  /** `pem`: the client secret is a private key (P-256), made for the check. */
  clientSecret: z.enum(['text', 'pem']).default('text'),

  authorization: z.strictObject({
    address: z.string(),
    /** Parameters that must be there, beside those of the standard. */
    parameters: strings.default({}),
    /** Parameters that the provider would refuse. */
    absent: z.array(z.string()).default([]),
    clientIdParameter: z.string().default('client_id'),
  }),
  callback: z
    .strictObject({
      /** By form_post where it says so. */
      method: z.enum(['GET', 'POST']).default('GET'),
      /** Beside code and state. In the fields of token requests they are filled in: `{device_id}`. */
      parameters: strings.default({}),
      /** The name of the code. */
      codeParameter: z.string().default('code'),
      /** The `error` of a person who said no. */
      denied: z.string().default('access_denied'),
    })
    .prefault({}),
  token: z.strictObject({
    address: z.string(),
    clientAuthentication: z.enum(['client_secret_post', 'client_secret_basic', 'generated_jwt']),
    /** `query`: a GET with all fields in the address. */
    format: z.enum(['form', 'json', 'query']).default('form'),
    parameters: strings.default({}),
    /**
     * All fields of the request, where they are not those of RFC 6749 and `parameters`. Filled in are, beside what `query`
     * of a call has, `{code}`, `{redirect_uri}`, `{code_verifier}`, `{state}` and the parameters of the callback.
     */
    fields: strings.optional(),
    headers: strings.default({}),
    /** Of the access token in seconds, where the answer does not say it in `expires_in`; null: it never ends. */
    lifetime: z.number().nullable().optional(),
    /** `id_token` is added where there are claims. */
    answer: json,
  }),
  /** Absent: its tokens cannot be renewed. */
  refresh: z
    .strictObject({
      /** Where that is not the token endpoint. */
      address: z.string().optional(),
      parameters: strings.default({}),
      /** As with `token`. */
      fields: strings.optional(),
      answer: json,
      /** Answers to a refresh token that is dead. */
      dead: z.array(z.strictObject({ status: z.int(), ...body })).default([]),
    })
    .optional(),
  /** Absent: there is no id_token. */
  idToken: z
    .strictObject({
      issuer: z.string(),
      keys: z.string(),
      algorithm: z.enum(['RS256', 'ES256']).default('RS256'),
      /** False where our nonce is not repeated. */
      nonce: z.boolean().default(true),
      /** Beside iss, aud, iat, exp and nonce. */
      claims: json,
    })
    .optional(),
  /** What a sign-in requests with the user's token, where the id_token does not say it already. */
  calls: z.record(z.string(), call).default({}),
  /** Responses of userinfo to an access token that is dead, where that is not the status 401 alone. */
  deadToken: z.array(z.strictObject({ status: z.int(), ...body })).default([]),
  /** How a call of its API carries the token. */
  apiHeaders: strings.default({ authorization: 'Bearer {access_token}' }),
  /** Absent: a grant cannot be revoked. The response is the provider's to a valid request. */
  revocation: z
    .strictObject({
      /** `POST https://…` */
      request: z.string(),
      headers: strings.default({}),
      query: strings.default({}),
      /** Form or JSON fields. `{access_token}`, `{refresh_token}`, `{client_id}`, `{client_secret}` are filled in. */
      parameters: strings.default({}),
      status: z.int().default(200),
      ...body,
    })
    .optional(),

  /** Whom all of it describes. */
  profile,
  /** The same provider about another user. */
  another: z.strictObject({ ...changes, profile }),
  /** What else it documents: an address that was not checked, nothing where something may be missing. */
  variants: z
    .array(
      z.union([
        z.strictObject({ name: z.string(), ...changes, profile }),
        z.strictObject({ name: z.string(), ...changes, code: z.string() }),
      ]),
    )
    .default([]),
  /** Answers of the token endpoint to a code it does not take, in its own shape. */
  exchangeErrors: z.array(failure).default([]),
});

export type Fixture = z.output<typeof fixtureSchema>;
export type FixtureCall = z.output<typeof call>;
export type FixtureChanges = Pick<
  Fixture['another'],
  'callback' | 'token' | 'withoutClaims' | 'claims' | 'calls' | 'settings'
>;
