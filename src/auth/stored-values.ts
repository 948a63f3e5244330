import type { Authorization } from '../oauth/authorization-handler.js';
import type { TokenSet } from '../oauth/provider.js';
import { placeOf, type TokenVault } from '../oauth-accounts/token-vault.js';
import type { KnownAccount } from './known-facts.js';

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

/** The token set to store, and the version of the stored refresh token it keeps; null when the response brought one. */
export interface KeptTokens {
  readonly tokens: TokenSet;
  readonly keptVersion: number | null;
}

/** Google repeats the refresh token only after a new consent. Absent means "keep the old one", not "revoked". */
export function keepRefreshToken(tokens: TokenSet, vault: TokenVault, account: KnownAccount | undefined): KeptTokens {
  if (tokens.refreshToken !== undefined || !account) return { tokens, keptVersion: null };
  const stored = vault.open(placeOf(account), account.sealedTokens);
  return { tokens: { ...tokens, refreshToken: stored?.refreshToken }, keptVersion: account.refreshTokenVersion };
}
