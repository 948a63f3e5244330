import { Agent, request } from 'undici';

/** Lets go of a connection before the application does. */
const AGENT = new Agent({ keepAliveTimeout: 1000, keepAliveMaxTimeout: 1000 });

interface Cookie {
  readonly value: string;
  readonly sameSite: string;
}

export interface Page {
  readonly status: number;
  readonly location: string | null;
  readonly text: string;
}

export interface Navigation {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly form?: URLSearchParams;
  /** The page of another site caused it. */
  readonly from?: string;
  readonly accept?: string;
}

/**
 * A browser without a screen, that follows nothing by itself. It keeps cookies as browsers do: one that says `Lax` does
 * not go along with a form that another site sends.
 */
export class Browser {
  readonly #cookies: Map<string, Cookie>;
  /** Every address that this browser was led to. */
  readonly visited: string[] = [];

  /** @param url where the application listens; its own address is another one, and https */
  constructor(
    private readonly url: string,
    cookies: ReadonlyMap<string, Cookie> = new Map(),
  ) {
    this.#cookies = new Map(cookies);
  }

  /** Another window that has the cookies of now and goes its own way. */
  copy(): Browser {
    return new Browser(this.url, this.#cookies);
  }

  cookieNames(): string[] {
    return [...this.#cookies.keys()];
  }

  /** @param path at the application */
  async go(path: string, { method = 'GET', form, from, accept = 'application/json' }: Navigation = {}): Promise<Page> {
    const { statusCode, headers, body } = await request(new URL(path, this.url), {
      method,
      dispatcher: AGENT,
      body: form?.toString(),
      headers: {
        accept,
        cookie: this.#cookiesFor(method !== 'GET' && from !== undefined),
        'sec-fetch-dest': 'document',
        'sec-fetch-mode': 'navigate',
        'sec-fetch-site': from === undefined ? 'same-origin' : 'cross-site',
        ...(form ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
        ...(from === undefined || method === 'GET' ? {} : { origin: from }),
      },
    });
    const text = await body.text();
    for (const line of [headers['set-cookie'] ?? []].flat()) this.#keep(line);
    const location = typeof headers.location === 'string' ? headers.location : null;
    this.visited.push(path, ...(location === null ? [] : [location]));
    return { status: statusCode, location, text };
  }

  #cookiesFor(isForeignForm: boolean): string {
    const sent = [...this.#cookies].filter(([, { sameSite }]) => !isForeignForm || sameSite === 'none');
    return sent.map(([name, { value }]) => `${name}=${value}`).join('; ');
  }

  #keep(line: string): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    const sameSite = (/;\s*samesite=(\w+)/i.exec(line)?.[1] ?? 'lax').toLowerCase();
    if (value === '' || /expires=thu, 01 jan 1970/i.test(line)) this.#cookies.delete(name);
    else this.#cookies.set(name, { value, sameSite });
  }
}
