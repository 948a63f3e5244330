/**
 * What an extension may import, and the one place where all of it can be seen together.
 *
 * A module named in EXTENSIONS brings listeners, providers and pages without a fork.
 */
export {
  CurrentSession,
  CurrentUser,
  FormsLeadToProvider,
  OptionalSession,
  Public,
  RecentSignIn,
  Roles,
} from './access/access.decorators.js';
export type { SignedIn, SignedInSession, SignedInUser } from './access/signed-in.js';
export { USER_DELETED, USER_MERGED, USER_REGISTERED, USER_SIGNED_IN, USER_SIGNED_OUT } from './auth/auth.events.js';
export type { UserDeleted, UserMerged, UserRegistered, UserSignedIn, UserSignedOut } from './auth/auth.events.js';
export {
  ACCOUNT_LINKED,
  ACCOUNT_RECONNECT_NEEDED,
  ACCOUNT_REFRESHED,
  ACCOUNT_UNLINKED,
} from './oauth-accounts/oauth-accounts.events.js';
export type { AccountEvent } from './oauth-accounts/oauth-accounts.events.js';
export { ForeignOriginError, ProviderClient } from './oauth-accounts/provider-client.js';
export type { ApiRequest, LiveUserinfo, UserAtProvider } from './oauth-accounts/provider-client.js';
export { ReconnectRequiredError } from './oauth-accounts/reconnect-required.error.js';
export type { ReconnectReason } from './oauth-accounts/reconnect-required.error.js';
export { RequireScopes } from './oauth-accounts/require-scopes.js';
export { canonicalEmail, domainOf } from './config/email-address.js';
export {
  display,
  email,
  flag,
  fullName,
  newestSubject,
  numericSubject,
  openIdName,
  openIdNames,
  optionalSubject,
  primaryAddress,
  strictText,
  subject,
  text,
} from './oauth/claims.js';
export { OAuthError } from './oauth/oauth.errors.js';
export {
  allow,
  OAUTH_AUTHORIZED,
  OAUTH_FAILED,
  OAUTH_STARTING,
  OAuthStarting,
  OnOAuthAuthorized,
  OnOAuthStarting,
  redirect,
  refuse,
} from './oauth/oauth.events.js';
export type { OAuthAuthorized, OAuthFailed, Verdict } from './oauth/oauth.events.js';
export { OAuthGuard } from './oauth/oauth.guard.js';
export { OAuthModule } from './oauth/oauth.module.js';
export { openIdProvider } from './oauth/openid-provider.js';
export { defineProvider } from './oauth/provider.js';
export type {
  ClaimsCall,
  Details,
  OAuthProvider,
  ProviderProfile,
  RevocationContext,
  TokenSet,
} from './oauth/provider.js';
export { GoogleGuard } from './providers/google.guard.js';
export { SESSION_ENDED } from './sessions/sessions.events.js';
export type { SessionEnded } from './sessions/sessions.events.js';
export { USER_BLOCKED, USER_ROLE_CHANGED, USER_UNBLOCKED } from './users/users.events.js';
export type { UserBlocked, UserRoleChanged, UserUnblocked } from './users/users.events.js';
export { UsersService } from './users/users.service.js';
