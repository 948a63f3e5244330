import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { decide } from '../src/auth/linking-policy.js';
import { type Config, ConfigurationError, loadConfig } from '../src/config/config.js';
import type { Environment } from '../src/config/environment.js';
import { OAuthError } from '../src/oauth/oauth.errors.js';
import { openIdProviders, loadProviders } from '../src/providers/catalogue.js';

/** Settings that restrict who can sign in or sign up, each with values of every kind. */
const RESTRICTIONS: Record<string, readonly string[]> = {
  SIGN_UP: ['open', 'invited', 'closed'],
  ALLOWED_EMAIL_DOMAINS: ['', 'a.test', 'a.test,b.test'],
  GOOGLE_HOSTED_DOMAIN: ['', 'a.test', 'c.test'],
  GOOGLE_REQUIRE_HOSTED_DOMAIN: ['', '1'],
};
const PROVIDERS: Record<string, Environment> = {
  'one that vouches': { GOOGLE_CLIENT_ID: 'x', GOOGLE_CLIENT_SECRET: 'x' },
  'one that has no addresses': { STRAVA_CLIENT_ID: 'x', STRAVA_CLIENT_SECRET: 'x' },
  'one that vouches for none': { FACEBOOK_CLIENT_ID: 'x', FACEBOOK_CLIENT_SECRET: 'x' },
  'a server that is not trusted': { OIDC_PROVIDERS: 'acme', ACME_CLIENT_ID: 'x', ACME_CLIENT_SECRET: 'x', ACME_ISSUER: 'https://acme.test' }, // prettier-ignore
  'a server that is trusted': { OIDC_PROVIDERS: 'acme', ACME_CLIENT_ID: 'x', ACME_CLIENT_SECRET: 'x', ACME_ISSUER: 'https://acme.test', ACME_TRUST_EMAILS: '1' }, // prettier-ignore
};
const SECRET_KEYS = `k1:${randomBytes(32).toString('base64')}`;
const DOMAINS = ['a.test', 'b.test', 'c.test'];
const catalogue = await loadProviders((id) => ['google', 'strava', 'facebook'].includes(id));

const combinations = Object.entries(RESTRICTIONS).reduce<Record<string, string>[]>(
  (all, [name, values]) => all.flatMap((settings) => values.map((value) => ({ ...settings, [name]: value }))),
  [{}],
);

function starts(environment: Environment): boolean {
  try {
    loadConfig({ ...environment, SECRET_KEYS }, catalogue);
    return true;
  } catch (error) {
    if (error instanceof ConfigurationError) return false;
    throw error;
  }
}

/** Whether any account at the provider passes the checks of its claims and the policy, as a new or an existing user. */
function admitsSomebody(provider: Environment, restrictions: Record<string, string>): boolean {
  const config = loadConfig({ ...provider, SECRET_KEYS }, catalogue);
  const signUp = restrictions.SIGN_UP as Config['signUp'];
  const allowedEmailDomains = restrictions.ALLOWED_EMAIL_DOMAINS?.split(',').filter((domain) => domain !== '') ?? [];
  const own = {
    ...(restrictions.GOOGLE_HOSTED_DOMAIN && { HOSTED_DOMAIN: restrictions.GOOGLE_HOSTED_DOMAIN }),
    ...(restrictions.GOOGLE_REQUIRE_HOSTED_DOMAIN && { REQUIRE_HOSTED_DOMAIN: '1' }),
  };
  return [...catalogue, ...openIdProviders(config.oidcProviders)].some((known) => {
    const settings = config.provider(known);
    if (!settings) return false;
    const emailVerified = settings.trustEmails || (known.emails ?? 'verified') === 'verified';
    return DOMAINS.some((hd) => {
      if (!passes(() => known.checkClaims?.({ hd }, { ...settings, own, allowedEmailDomains }))) return false;
      return DOMAINS.some((domain) => {
        const profile = { subject: '1', email: `ada@${domain}`, emailVerified };
        const owner = signUp === 'closed' ? { isBlocked: false, isSelf: false } : undefined;
        const facts = { profile, owner, signUp, allowedEmailDomains, emailTaken: false, invited: true };
        return decide({ intent: 'sign_in', ...facts }).kind !== 'refuse';
      });
    });
  });
}

function passes(check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (error instanceof OAuthError) return false;
    throw error;
  }
}

describe('settings that restrict who can sign in', () => {
  it.each(Object.entries(PROVIDERS))('start where a user can get in, and nowhere else: %s', (_, provider) => {
    for (const restrictions of combinations) {
      const outcome = { ...restrictions, starts: starts({ ...restrictions, ...provider }) };
      expect(outcome).toEqual({ ...restrictions, starts: admitsSomebody(provider, restrictions) });
    }
  });
});
