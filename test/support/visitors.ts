import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';

export const HEIGHT = 800;

interface Complaint {
  readonly text: string;
  readonly url: string;
}

interface Watch {
  readonly context: BrowserContext;
  readonly complaints: Complaint[];
  /** Pages that came with an error status: the browser says so in its console, rightly. */
  readonly refusals: Set<string>;
}

/** People at browsers of their own, and what those browsers complained about. */
export class Visitors {
  #watches: Watch[] = [];

  constructor(
    private readonly browser: Browser,
    private readonly site: string,
  ) {}

  async visitor(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.browser.newContext({
      viewport: { width: 1280, height: HEIGHT },
      ...options,
      baseURL: this.site,
    });
    const watch: Watch = { context, complaints: [], refusals: new Set() };
    this.#watches.push(watch);
    context.on('console', (message) => {
      // The icon of a provider's page is its own affair.
      const { url } = message.location();
      const isForeignIcon = url.endsWith('/favicon.ico') && !url.startsWith(this.site);
      if (message.type() === 'error' && !isForeignIcon) watch.complaints.push({ text: message.text(), url });
    });
    context.on('weberror', (error) => watch.complaints.push({ text: error.error().message, url: '' }));
    context.on('requestfailed', (request) => {
      const text = request.failure()?.errorText ?? 'failed';
      // Not a failure: the person went on before the icon had come, or what came is a file to keep.
      if (text !== 'net::ERR_ABORTED') watch.complaints.push({ text, url: request.url() });
    });
    context.on('response', (response) => {
      if (response.request().isNavigationRequest() && response.status() >= 400) watch.refusals.add(response.url());
    });
    return context.newPage();
  }

  complaints(): Complaint[] {
    return this.#watches.flatMap(({ complaints, refusals }) =>
      complaints.filter(({ text, url }) => !(text.startsWith('Failed to load resource') && refusals.has(url))),
    );
  }

  /** Forgets what was complained about so far: it was wanted. */
  forgive(): void {
    for (const { complaints } of this.#watches) complaints.length = 0;
  }

  /** Everybody goes. @returns what their browsers complained about */
  async leave(): Promise<Complaint[]> {
    const heard = this.complaints();
    await Promise.all(this.#watches.map(({ context }) => context.close()));
    this.#watches = [];
    return heard;
  }
}
