import type { Strings } from './messages.js';

/** The field of a token request that carries a standard one: where `{code}` is documented as `authCode`, that one. */
export function fieldOf(fields: Strings, documented: Strings | undefined, standardName: string): string | undefined {
  if (!documented) return fields[standardName];
  const ownName = Object.entries(documented).find(([, text]) => text === `{${standardName}}`)?.[0];
  return ownName === undefined ? undefined : fields[ownName];
}

/** Whether a request has the fields that are the same in every request of this kind, such as the grant type. */
export function isOfKind(fields: Strings, documented: Strings): boolean {
  return Object.entries(documented).every(([name, text]) => text.includes('{') || fields[name] === text);
}

/** The tokens of a token response, wherever they are: `accessToken` in one, `body.access_token` in another. */
export function tokensIn(answer: unknown): { readonly accessToken?: string; readonly refreshToken?: string } {
  return { accessToken: find(answer, /^access_?token$/i), refreshToken: find(answer, /^refresh_?token$/i) };
}

function find(value: unknown, name: RegExp): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const entries = Object.entries(value);
  const here = entries.find(([key, inner]) => name.test(key) && typeof inner === 'string');
  if (here) return here[1] as string;
  return entries.map(([, inner]) => find(inner, name)).find((found) => found !== undefined);
}
