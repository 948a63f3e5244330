import type { TestApp } from './app.js';
import { Browser } from './browser.js';
import type { TestProvider } from './provider-server.js';

/** A person of the test provider who has signed in. */
export interface Somebody {
  readonly browser: Browser;
  /** Who it is to us, as `ProviderClient.for` takes it. */
  readonly user: { readonly id: string };
  /** Who it is to the provider. */
  readonly subject: string;
  /** The name for `provider.authorize(…, { as })`. */
  readonly as: string;
}

let count = 0;

/** Somebody new, signed in, with an access token that lives so long. */
export async function signInSomebody(
  app: TestApp,
  provider: TestProvider,
  { at = 'google', accessTokenLivesForSeconds = 3600 } = {},
): Promise<Somebody> {
  const subject = `somebody-${++count}`;
  const as = provider.addPerson({ sub: subject, name: `Somebody ${count}` }, subject);
  const browser = new Browser(app.url);
  provider.accessTokenLifetimeInSeconds = accessTokenLivesForSeconds;
  const { status } = await browser.get(provider.authorize(await browser.begin(at), { as }));
  provider.accessTokenLifetimeInSeconds = 3600;
  if (status !== 303) throw new Error(`the sign-in answered ${status}`);
  const { id } = await browser.me();
  return { browser, user: { id }, subject, as };
}
