import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { Sealer, UnsealError } from '../crypto/sealer.js';
import type { TokenSet } from '../oauth/provider.js';

const PURPOSE = 'oauth_accounts.sealed_tokens';

const storedTokens = z.object({
  accessToken: z.string(),
  refreshToken: z.string().optional(),
  expiresAt: z.iso.datetime().optional(),
  scopes: z.array(z.string()),
});

/**
 * The only place that sees a stored token in clear. The account's id and its owner are bound into the seal: a value
 * copied to another row, or a row given to another person, does not open.
 */
@Injectable()
export class TokenVault {
  constructor(private readonly sealer: Sealer) {}

  seal(account: Place, tokens: TokenSet): string {
    const { accessToken, refreshToken, expiresAt, scopes } = tokens;
    const text = JSON.stringify({ accessToken, refreshToken, expiresAt: expiresAt?.toISOString(), scopes });
    return this.sealer.seal(PURPOSE, place(account), text);
  }

  /** @returns undefined when nothing usable is stored; the person then connects again */
  open(account: Place, sealed: string | null): TokenSet | undefined {
    if (sealed === null) return undefined;
    try {
      const stored = storedTokens.parse(JSON.parse(this.sealer.open(PURPOSE, place(account), sealed)));
      return { ...stored, expiresAt: stored.expiresAt === undefined ? undefined : new Date(stored.expiresAt) };
    } catch (error) {
      if (error instanceof UnsealError || error instanceof z.ZodError || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }
}

interface Place {
  readonly id: string;
  readonly userId: string;
}

function place({ id, userId }: Place): string {
  return `${id}/${userId}`;
}
