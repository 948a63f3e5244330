import { Module } from '@nestjs/common';
import { allow, type OAuthAuthorized, OnOAuthAuthorized, refuse, type Verdict } from 'gatehouse';

const DOMAIN = 'navy.example';

/** Lets in whoever the provider vouches for at one domain. An address nobody has checked proves nothing. */
class CompanyOnly {
  @OnOAuthAuthorized()
  onlyOurs({ profile }: OAuthAuthorized): Verdict {
    const domain = profile.email?.split('@').at(-1)?.toLowerCase();
    return profile.emailVerified && domain === DOMAIN ? allow : refuse(`Only people of ${DOMAIN} may sign in.`);
  }
}

@Module({ providers: [CompanyOnly] })
export default class CompanyOnlyModule {}
