import type { SessionToken } from './client.js';

export type Role = 'user' | 'viewer' | 'admin';

/** The person of a request, as the session statement reads them. */
export interface SignedInUser {
  readonly id: string;
  readonly name: string | null;
  readonly email: string | null;
  readonly emailVerified: boolean;
  readonly pictureUrl: string | null;
  readonly role: Role;
  readonly createdAt: Date;
}

export interface SignedInSession extends SessionToken {
  /** The OAuth account the person came in with, and its provider; null once it has been unlinked. */
  readonly accountId: string | null;
  readonly provider: string | null;
  readonly signedInAt: Date;
  readonly expiresAt: Date;
  /** The user authenticated at most ten minutes ago, by the database's clock. */
  readonly isRecent: boolean;
}

export interface SignedIn {
  readonly user: SignedInUser;
  readonly session: SignedInSession;
  /** A link that is begun now carries it; see `users.links_version`. */
  readonly linksVersion: number;
}

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- how Express lets a request carry more
  namespace Express {
    interface Request {
      /** Set by the session guard. */
      signedIn?: SignedIn;
    }
  }
}
