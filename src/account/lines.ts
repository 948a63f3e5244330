import { deviceOf } from '../access/device.js';
import type { OAuthAccount } from '../oauth-accounts/oauth-account.entity.js';
import type { ListedSession } from '../sessions/sessions.service.js';
import type { NamedProvider } from './provider-names.js';
import { moment, plainScopes } from './wording.js';

type BrokenReason = NonNullable<OAuthAccount['healthReason']>;

type LinkedAccount = Pick<
  OAuthAccount,
  | 'id'
  | 'email'
  | 'emailVerified'
  | 'name'
  | 'subject'
  | 'scopes'
  | 'health'
  | 'healthReason'
  | 'healthSince'
  | 'linkedAt'
  | 'lastUsedAt'
>;

/**
 * A linked account as a page shows it.
 *
 * @param whyBroken in words for whoever looks: the person themselves, or somebody else
 */
export function accountLine(
  account: LinkedAccount,
  provider: NamedProvider,
  whyBroken: Readonly<Record<BrokenReason, (label: string) => string>>,
) {
  const { id, email, emailVerified, name, subject, scopes, health, healthReason, healthSince } = account;
  return {
    id,
    provider,
    // Something by which two accounts at one provider are told apart.
    called: email ?? name ?? subject,
    email,
    emailVerified,
    name,
    subject,
    scopes: plainScopes(scopes),
    broken:
      health === 'connected'
        ? undefined
        : { reason: whyBroken[healthReason ?? 'grant_rejected'](provider.label), since: moment(healthSince) },
    linkedAt: moment(account.linkedAt),
    lastUsedAt: moment(account.lastUsedAt),
  };
}

/** A session as a page shows it. @param provider undefined where its account is gone */
export function sessionLine(
  { id, ip, userAgent, signedInAt, lastSeenAt }: Omit<ListedSession, 'provider' | 'expiresAt'>,
  provider: NamedProvider | undefined,
  current: boolean,
) {
  return {
    id,
    device: deviceOf(userAgent) ?? 'an unknown browser',
    provider,
    ip,
    signedInAt: moment(signedInAt),
    lastSeenAt: moment(lastSeenAt),
    current,
  };
}
