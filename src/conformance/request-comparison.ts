import { isDeepStrictEqual } from 'node:util';
import type { Fixture } from './fixture.js';
import { header, type Received, type Strings, stringsIn } from './messages.js';
import { basicCredentials, faultOfGeneratedSecret, type RegisteredClient } from './registered-client.js';

/** Holds requests against the documented ones. Every departure is a complaint. */
export class RequestComparison {
  readonly complaints: string[] = [];

  constructor(
    private readonly fixture: Fixture,
    private readonly client: RegisteredClient,
    /** Where a generated client secret is added. */
    private readonly secrets: Set<string>,
  ) {}

  /** A request to the token endpoint: the client, the headers, and the fields, no more and no fewer. */
  async compareTokenRequest(
    what: string,
    request: Received,
    fields: Strings,
    expected: Strings,
    headers: Strings,
  ): Promise<boolean> {
    const { clientAuthentication } = this.fixture.token;
    const idName = this.fixture.authorization.clientIdParameter;
    const given = header(request, 'authorization');
    let good = this.compareHeaders(what, request, headers);
    let { ...rest } = fields;
    const mayRepeatId = clientAuthentication === 'client_secret_basic' ? {} : { [idName]: this.client.id };
    if (clientAuthentication === 'client_secret_basic') {
      if (given !== `Basic ${basicCredentials(this.client)}`) {
        good = this.complain(`${what} does not name the client by HTTP Basic, form-encoded (RFC 6749 §2.3.1)`);
      }
    } else {
      if (given !== undefined) good = this.complain(`${what} has an Authorization header`);
      const { client_secret: secret, ...others } = rest;
      rest = others;
      if (clientAuthentication === 'client_secret_post') {
        if (secret !== this.client.secret) good = this.complain(`${what} does not carry the client secret as a field`);
      } else {
        const fault = await faultOfGeneratedSecret(secret ?? '', this.client, this.fixture);
        this.secrets.add(secret ?? this.client.secret);
        if (fault !== undefined) good = this.complain(`${what} has an unusable generated client secret: ${fault}`);
      }
    }
    return this.compareFields(what, rest, { ...mayRepeatId, ...expected }) && good;
  }

  /** The same where the fixture has all fields by their own names, the client's among them. */
  compareOwnTokenRequest(
    what: string,
    request: Received,
    fields: Strings,
    expected: Strings,
    headers: Strings,
  ): boolean {
    const good = this.compareHeaders(what, request, headers);
    if (header(request, 'authorization') !== undefined) return this.complain(`${what} has an Authorization header`);
    return this.compareFields(what, fields, expected) && good;
  }

  /** What RFC 7009 §2.1 has in every request, and a fixture need not repeat: the hint, and the client as usual. */
  withoutStandardFields(fields: Strings, expected: Strings): Strings {
    const { clientIdParameter: idName } = this.fixture.authorization;
    const namesClient = 'client_secret' in expected || idName in expected;
    const isUsual = this.fixture.token.clientAuthentication !== 'client_secret_basic' && !namesClient;
    const standard = {
      ...('token_type_hint' in expected ? {} : { token_type_hint: fields.token_type_hint }),
      ...(isUsual && fields[idName] === this.client.id ? { [idName]: this.client.id } : {}),
      ...(isUsual && this.#isSecret(fields.client_secret) ? { client_secret: '' } : {}),
    };
    return Object.fromEntries(Object.entries(fields).filter(([name]) => !(name in standard)));
  }

  /** A generated one is looked at where it is documented. */
  #isSecret(secret: string | undefined): boolean {
    return secret === this.client.secret || (this.client.publicKey !== undefined && secret !== undefined);
  }

  /** As `compareFields`, where the secret among the fields may be a generated one. */
  async compare(what: string, fields: Strings, expected: Strings): Promise<boolean> {
    if (this.fixture.token.clientAuthentication !== 'generated_jwt' || !('client_secret' in expected)) {
      return this.compareFields(what, fields, expected);
    }
    const fault = await faultOfGeneratedSecret(fields.client_secret ?? '', this.client, this.fixture);
    if (fault !== undefined) return this.complain(`${what} has an unusable generated client secret: ${fault}`);
    return this.compareFields(what, fields, { ...expected, client_secret: fields.client_secret ?? '' });
  }

  compareFields(what: string, fields: Strings, expected: Strings): boolean {
    let good = true;
    for (const [name, value] of Object.entries(expected)) {
      if (fields[name] === undefined) good = this.complain(`${what} lacks ${name}`);
      else if (fields[name] !== value) good = this.complain(`${what} has another ${name} than documented`);
    }
    for (const name of Object.keys(fields).filter((key) => !(key in expected))) {
      good = this.complain(`${what} has ${name}, which is not documented`);
    }
    return good;
  }

  compareHeaders(what: string, request: Received, expected: Strings): boolean {
    const wrong = Object.entries(expected).filter(([name, value]) => {
      const given = header(request, name.toLowerCase());
      // A content type may say its charset.
      return name.toLowerCase() === 'content-type' ? given?.split(';')[0] !== value : given !== value;
    });
    for (const [name] of wrong) this.complain(`${what} does not have the documented header ${name}`);
    return wrong.length === 0;
  }

  compareQuery(what: string, request: Received, expected: Strings): boolean {
    const given = Object.fromEntries(new URL(request.url).searchParams);
    return this.compareFields(`the address of ${what}`, given, expected);
  }

  compareJson(what: string, { headers, body }: Received, expected: unknown): boolean {
    if (String(headers['content-type']).split(';')[0] !== 'application/json') {
      return this.complain(`${what} does not have the content type application/json`);
    }
    return isDeepStrictEqual(withoutLayout(parsed(body)), withoutLayout(expected))
      ? true
      : this.complain(`${what} has another JSON body than documented`);
  }

  /** What the body says. */
  fieldsOf({ headers, body, address, url }: Received, format: 'form' | 'json' | 'query'): Record<string, string> {
    if (format === 'query') {
      if (body !== '') this.complaints.push(`a body came to ${address}`);
      return Object.fromEntries(new URL(url).searchParams);
    }
    const type = String(headers['content-type'] ?? '').split(';')[0];
    const expected = format === 'json' ? 'application/json' : 'application/x-www-form-urlencoded';
    if (body !== '' && type !== expected) this.complaints.push(`a body of ${type ?? ''} came to ${address}`);
    if (format === 'json') return stringsIn(parsed(body));
    const fields = new URLSearchParams(body);
    const names = [...fields.keys()];
    if (new Set(names).size !== names.length) this.complaints.push(`a field came twice to ${address}`);
    return Object.fromEntries(fields);
  }

  complain(complaint: string): false {
    this.complaints.push(complaint);
    return false;
  }
}

/** The same JSON with each run of white space as one space. */
function withoutLayout(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null), (_key, inner: unknown) =>
    typeof inner === 'string' ? inner.replace(/\s+/g, ' ').trim() : inner,
  );
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
