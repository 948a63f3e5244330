import { requiredScopes } from '../oauth-accounts/require-scopes.js';
import { SCOPES } from './people.js';

/** The scopes of a sign-in, and those that a route of this application requires, an extension's as well. */
export function scopeNames(): readonly string[] {
  return [...Object.keys(SCOPES), ...requiredScopes('google')];
}

/** Scopes in the order in which they were requested, each once; undefined when one is unknown. */
export function readScopes(text: string): string[] | undefined {
  const scopes = [...new Set(text.split(' ').filter(Boolean))];
  const known = scopeNames();
  return scopes.every((scope) => known.includes(scope)) ? scopes : undefined;
}

/** What a scope lets the application see, for the consent page. */
export function meaningOf(scope: string): string {
  const [, known] = Object.entries(SCOPES).find(([name]) => name === scope) ?? [];
  return known?.meaning ?? 'A route of this application requires it';
}
