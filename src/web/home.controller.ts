import { Controller, Get, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { CurrentSession, OptionalSession } from '../access/access.decorators.js';
import { addressAtBaseUrl } from '../access/base-url-host.js';
import type { SignedIn } from '../access/signed-in.js';
import { initials, moment, WHY_RECONNECT } from '../account/wording.js';
import { signInLinks } from '../auth/sign-in-links.js';
import { isDatabaseUnavailable } from '../database/database.errors.js';
import { NoUserinfoError, ProviderClient } from '../oauth-accounts/provider-client.js';
import { ReconnectRequiredError } from '../oauth-accounts/reconnect-required.error.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import { ProviderRegistry } from '../oauth/provider.registry.js';

const CLAIM_LIMIT = 1000;

@Controller()
export class HomeController {
  constructor(
    private readonly registry: ProviderRegistry,
    private readonly client: ProviderClient,
  ) {}

  @Get()
  @OptionalSession()
  async home(
    @CurrentSession() signedIn: SignedIn | undefined,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    if (!signedIn) {
      // With Fetch Metadata, a click here that is redirected to BASE_URL's host would look as if another site caused it.
      const elsewhere =
        request.get('sec-fetch-dest') === 'document' ? addressAtBaseUrl(request, this.registry.baseUrl) : undefined;
      if (elsewhere !== undefined) {
        response.redirect(303, elsewhere);
        return;
      }
      response.render('home', { title: 'Sign in', ...signInLinks(this.registry) });
      return;
    }
    const { user, session } = signedIn;
    response.render('home', {
      title: 'Home',
      user: {
        name: user.name ?? user.email ?? 'you',
        initials: initials(user.name ?? user.email ?? ''),
        email: user.email,
        emailVerified: user.emailVerified,
        role: user.role,
        hasDesk: user.role !== 'user',
      },
      signedInAt: moment(session.signedInAt),
      ...(await this.#live(signedIn)),
    });
  }

  async #live({ user, session }: SignedIn): Promise<object> {
    if (session.provider === null || !this.registry.has(session.provider)) {
      return { liveProblem: { sentence: 'The account you signed in with is no longer connected.' } };
    }
    const { id, label, provider: declared } = this.registry.get(session.provider);
    const provider = { id, label, mark: declared.mark };
    try {
      const { endpoint, claims } = await this.client.for(user, id).userinfo();
      const lines = Object.entries(claims).map(([key, value]) => line(key, value));
      return { provider, connection: { text: 'connected' }, live: { endpoint, claims: lines } };
    } catch (error) {
      if (error instanceof ReconnectRequiredError) {
        return {
          provider,
          connection: { text: 'needs a reconnect', since: error.since && moment(error.since) },
          liveProblem: {
            sentence: `${WHY_RECONNECT[error.reason](label)} Your account needs to be reconnected.`,
            reconnectUrl: error.reconnectPath(),
            reconnectLabel: `Reconnect ${label}`,
          },
        };
      }
      if (error instanceof NoUserinfoError) {
        return {
          provider,
          liveProblem: { sentence: `${label} says who you are when you sign in, and not again later.` },
        };
      }
      // A read-only database has told who this is, and cannot keep renewed tokens: the page comes without the live part.
      if (error instanceof OAuthError || isDatabaseUnavailable(error)) {
        return { provider, liveProblem: { sentence: `${label} cannot be asked right now.` } };
      }
      throw error;
    }
  }
}

function line(key: string, value: unknown): { key: string; value: string } {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return { key: key.slice(0, CLAIM_LIMIT), value: text.slice(0, CLAIM_LIMIT) };
}
