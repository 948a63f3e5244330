import type { ProviderSettings } from '../config/provider-settings.js';
import { own } from '../text/own.js';
import type { Details, OAuthProvider } from './provider.js';

type Parameters = Readonly<Record<string, string>>;

/** A name in braces. */
const PLACEHOLDER = /\{([\w-]+)\}/g;

/**
 * Replaces the placeholders in a provider's addresses, parameters or headers: `{client_id}`, `{client_secret}`, the
 * provider's own settings (`{KEY}` is `<ID>_KEY`), the details that are kept with the tokens (`{device_id}`), and what
 * one request adds. A text whose placeholder has no value is left out. A value is never searched for placeholders.
 *
 * @param more what this request adds, such as `access_token`
 */
export function fillIn(
  { settings }: { readonly settings: ProviderSettings },
  parameters: Parameters,
  details: Details = {},
  more: Parameters = {},
): Record<string, string> {
  const values: Parameters = {
    ...details,
    ...settings.own,
    client_id: settings.clientId,
    client_secret: settings.clientSecret,
    ...more,
  };
  const filled = Object.entries(parameters).flatMap(([name, template]) => {
    const names = [...template.matchAll(PLACEHOLDER)].map(([, placeholder = '']) => placeholder);
    if (names.some((placeholder) => own(values, placeholder) === undefined)) return [];
    return [[name, template.replace(PLACEHOLDER, (_, placeholder: string) => own(values, placeholder) ?? '')] as const];
  });
  return Object.fromEntries(filled);
}

/** The headers that carry an access token to the provider's API. */
export function tokenHeaders(
  provider: { readonly provider: OAuthProvider; readonly settings: ProviderSettings },
  accessToken: string,
): Record<string, string> {
  const headers = provider.provider.quirks?.tokenHeaders ?? { authorization: 'Bearer {access_token}' };
  return fillIn(provider, headers, {}, { access_token: accessToken });
}
