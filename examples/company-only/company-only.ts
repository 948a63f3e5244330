import { Module } from '@nestjs/common';
import { allow, canonicalEmail, domainOf, OnOAuthAuthorized, refuse } from 'gatehouse';
import type { OAuthAuthorized, Verdict } from 'gatehouse';

const DOMAIN = 'navy.example';

/** Lets in whoever the provider vouches for at one domain. An address nobody has checked proves nothing. */
class CompanyOnly {
  @OnOAuthAuthorized()
  onlyOurs({ profile }: OAuthAuthorized): Verdict {
    const email = canonicalEmail(profile.email);
    const isOurs = profile.emailVerified && email !== undefined && domainOf(email) === DOMAIN;
    return isOurs ? allow : refuse(`Only people of ${DOMAIN} may sign in.`);
  }
}

@Module({ providers: [CompanyOnly] })
export default class CompanyOnlyModule {}
