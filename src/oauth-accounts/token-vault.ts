import { z } from 'zod';
import { type Sealer, UnsealError } from '../crypto/sealer.js';
import type { TokenSet } from '../oauth/provider.js';

/** Whose tokens a sealed value holds: a linked account's, or a grant's that is being taken back. */
export type TokenPlace =
  | { readonly kind: 'oauth_accounts'; readonly id: string; readonly userId: string }
  | { readonly kind: 'revocations'; readonly id: string };

/** What is sealed. The subject is there for a grant to be revoked: after a deletion it is stored nowhere in clear. */
interface SealedTokens extends TokenSet {
  readonly subject?: string;
}

const storedTokens = z.object({
  accessToken: z.string(),
  refreshToken: z.string().optional(),
  expiresAt: z.iso.datetime().optional(),
  scopes: z.array(z.string()),
  details: z.record(z.string(), z.string()).optional(),
  subject: z.string().optional(),
});

/**
 * The only place that sees a stored token in clear. Table, row and owner are bound into the seal: a value copied to
 * another row, or a row given to another person, does not open. Knows no Nest: the command line uses it, too.
 */
export class TokenVault {
  constructor(private readonly sealer: Sealer) {}

  seal(place: TokenPlace, tokens: SealedTokens): string {
    const { accessToken, refreshToken, expiresAt, scopes, details, subject } = tokens;
    const stored = { accessToken, refreshToken, expiresAt: expiresAt?.toISOString(), scopes, details, subject };
    return this.sealer.seal(purpose(place), row(place), JSON.stringify(stored));
  }

  /** @returns undefined when nothing usable is stored; the person then connects again */
  open(place: TokenPlace, sealed: string | null): SealedTokens | undefined {
    if (sealed === null) return undefined;
    try {
      const stored = storedTokens.parse(JSON.parse(this.sealer.open(purpose(place), row(place), sealed)));
      return { ...stored, expiresAt: stored.expiresAt === undefined ? undefined : new Date(stored.expiresAt) };
    } catch (error) {
      if (error instanceof UnsealError || error instanceof z.ZodError || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  /** Seals the same tokens with the newest key. @returns undefined when they do not open */
  reseal(place: TokenPlace, sealed: string): string | undefined {
    const tokens = this.open(place, sealed);
    return tokens && this.seal(place, tokens);
  }
}

/** Where an account's tokens lie. */
export function placeOf({ id, userId }: { readonly id: string; readonly userId: string }): TokenPlace {
  return { kind: 'oauth_accounts', id, userId };
}

function purpose({ kind }: TokenPlace): string {
  return `${kind}.sealed_tokens`;
}

function row(place: TokenPlace): string {
  return place.kind === 'oauth_accounts' ? `${place.id}/${place.userId}` : place.id;
}
