import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { Sealer, UnsealError } from '../crypto/sealer.js';

/** How long a link may wait to be followed. It is followed at once, or shown on a page with a button. */
const LIFETIME_MS = 10 * 60_000;
const PURPOSE = 'consent link';

const wantedConsent = z.object({
  /** What the authorization request asks for beside the provider's own scopes. */
  ask: z.array(z.string()),
  /** What must come of it; otherwise the person has said no. */
  needed: z.array(z.string()),
  madeAtMs: z.number(),
});

export type WantedConsent = Readonly<Pick<z.infer<typeof wantedConsent>, 'ask' | 'needed'>>;

const NOTHING: WantedConsent = { ask: [], needed: [] };

/**
 * Sign-ins that ask for more than usual, as a parameter of the provider's route. It is sealed: nobody but us decides
 * what a person is asked for, so a link from elsewhere cannot widen what they grant us. It is for one session: what was
 * made for one user asks nothing of another, to whom it was passed on.
 */
@Injectable()
export class ConsentLinks {
  constructor(private readonly sealer: Sealer) {}

  seal(provider: string, sessionId: string, { ask, needed }: WantedConsent): string {
    return this.sealer.seal(
      PURPOSE,
      placeOf(provider, sessionId),
      JSON.stringify({ ask, needed, madeAtMs: Date.now() }),
    );
  }

  /**
   * A value that is stale, of another provider or session, or not ours asks for nothing more.
   *
   * @param sessionId of the browser that follows the link; undefined: it is signed out
   */
  open(provider: string, sessionId: string | undefined, value: unknown): WantedConsent {
    if (typeof value !== 'string' || sessionId === undefined) return NOTHING;
    try {
      const wanted = wantedConsent.parse(JSON.parse(this.sealer.open(PURPOSE, placeOf(provider, sessionId), value)));
      return Date.now() - wanted.madeAtMs > LIFETIME_MS ? NOTHING : wanted;
    } catch (error) {
      if (error instanceof UnsealError) return NOTHING;
      throw error;
    }
  }
}

function placeOf(provider: string, sessionId: string): string {
  return `${provider} ${sessionId}`;
}
