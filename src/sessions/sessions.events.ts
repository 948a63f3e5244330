export const SESSION_ENDED = 'session.ended';

/** Announced after commit, whatever ended the session. */
export interface SessionEnded {
  readonly sessionId: string;
  readonly userId: string;
}
