import type { Authorization } from '../oauth/authorization-handler.js';
import type { TokenSet } from '../oauth/provider.js';

/** What every ending stores of a proven identity: parameters 1 to 9 of its statements. */
export function storedValues(
  { provider, profile }: Pick<Authorization, 'provider' | 'profile'>,
  tokens: TokenSet,
  sealedTokens: string,
): readonly unknown[] {
  const { subject, email, emailVerified, name, pictureUrl } = profile;
  return [
    provider,
    subject,
    email ?? null,
    emailVerified,
    name ?? null,
    pictureUrl ?? null,
    tokens.scopes,
    sealedTokens,
    tokens.expiresAt ?? null,
  ];
}

/** Google repeats the refresh token only after a new consent. Absent means "keep the old one", not "revoked". */
export function keepRefreshToken(tokens: TokenSet, stored: TokenSet | undefined): TokenSet {
  return { ...tokens, refreshToken: tokens.refreshToken ?? stored?.refreshToken };
}
