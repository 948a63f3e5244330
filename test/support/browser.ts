/** A browser without a screen: a cookie jar that follows nothing by itself. */
export class Browser {
  readonly cookies = new Map<string, string>();

  constructor(readonly site: string) {}

  get sessionToken(): string | undefined {
    return this.#own('gatehouse');
  }

  /** Set it to act with the session of another browser. */
  set sessionToken(token: string | undefined) {
    this.#setOwn('gatehouse', token);
  }

  get pendingLinkToken(): string | undefined {
    return this.#own('pending-link');
  }

  set pendingLinkToken(token: string | undefined) {
    this.#setOwn('pending-link', token);
  }

  async get(address: string, headers: Record<string, string> = {}): Promise<Response> {
    return this.#send(address, { method: 'GET', headers });
  }

  async post(
    address: string,
    form: Record<string, string> = {},
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return this.#send(address, { method: 'POST', body: new URLSearchParams(form), headers });
  }

  async request(
    method: string,
    address: string,
    init: { body?: string; headers?: Record<string, string> } = {},
  ): Promise<Response> {
    return this.#send(address, { ...init, method });
  }

  /** Begins a sign-in. @returns the address of the provider */
  async begin(provider = 'google', returnTo?: string): Promise<string> {
    const query = returnTo === undefined ? '' : `?${new URLSearchParams({ returnTo }).toString()}`;
    const response = await this.get(`/${provider}${query}`, { accept: 'text/html' });
    const location = response.headers.get('location');
    if (response.status !== 303 || location === null) throw new Error(`begin answered ${response.status}`);
    return location;
  }

  /** What a person does at the stand-in's consent page. @returns the address of the callback */
  async consent(authorizationUrl: string, choice: { subject: string } | { answer: 'no' }): Promise<string> {
    const page = await (await this.get(authorizationUrl)).text();
    const request = /name="request" value="([^"]+)"/.exec(page)?.[1];
    if (request === undefined) throw new Error('there is no consent page');
    const response = await this.post('/stand-in/authorize', { request, ...choice });
    return response.headers.get('location') ?? '';
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- JSON as it came
  async me(): Promise<any> {
    const response = await this.get('/api/me');
    return response.status === 200 ? response.json() : undefined;
  }

  async #send(
    address: string,
    init: { method: string; body?: string | URLSearchParams; headers?: Record<string, string> },
  ): Promise<Response> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(new URL(address, this.site), {
      ...init,
      redirect: 'manual',
      headers: { ...(cookie === '' ? {} : { cookie }), ...init.headers },
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '' || /expires=thu, 01 jan 1970/i.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return response;
  }

  #setOwn(name: string, value: string | undefined): void {
    const ownName = `${name}-${new URL(this.site).port}`;
    if (value === undefined) this.cookies.delete(ownName);
    else this.cookies.set(ownName, value);
  }

  #own(name: string): string | undefined {
    const [, value] =
      [...this.cookies].find(([each]) => each === `__Host-${name}` || each.startsWith(`${name}-`)) ?? [];
    return value;
  }
}
