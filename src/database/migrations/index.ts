import { SignIn1764000000000 } from './1764000000000-sign-in.js';
import { Tokens1764100000000 } from './1764100000000-tokens.js';
import { Linking1764200000000 } from './1764200000000-linking.js';
import { LinkedAccountsListing1764300000000 } from './1764300000000-linked-accounts-listing.js';
import { AuditChain1764310000000 } from './1764310000000-audit-chain.js';
import { Invitations1764320000000 } from './1764320000000-invitations.js';
import { PeopleListing1764330000000 } from './1764330000000-people-listing.js';
import { Dashboard1764340000000 } from './1764340000000-dashboard.js';
import { UnverifiedAttempts1764430000000 } from './1764430000000-unverified-attempts.js';
import { AuditUser1764450000000 } from './1764450000000-audit-user.js';
import { LargeUsers1764450100000 } from './1764450100000-large-users.js';
import { Search1764450200000 } from './1764450200000-search.js';
import { AuthenticatedAt1764460000000 } from './1764460000000-authenticated-at.js';
import { LinksVersion1764461000000 } from './1764461000000-links-version.js';
import { CanonicalEmail1764470001000 } from './1764470001000-canonical-email.js';
import { RefreshTokenVersion1764490000000 } from './1764490000000-refresh-token-version.js';
import { RevocationCauses1764490100000 } from './1764490100000-revocation-causes.js';

/** Every migration in order. A list and not a glob: what runs is what is written here. */
export const MIGRATIONS = [
  SignIn1764000000000,
  Tokens1764100000000,
  Linking1764200000000,
  LinkedAccountsListing1764300000000,
  AuditChain1764310000000,
  Invitations1764320000000,
  PeopleListing1764330000000,
  Dashboard1764340000000,
  UnverifiedAttempts1764430000000,
  AuditUser1764450000000,
  LargeUsers1764450100000,
  Search1764450200000,
  AuthenticatedAt1764460000000,
  LinksVersion1764461000000,
  CanonicalEmail1764470001000,
  RefreshTokenVersion1764490000000,
  RevocationCauses1764490100000,
];
