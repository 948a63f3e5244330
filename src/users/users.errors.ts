/** Without this person nobody could run the place any more. */
export class LastAdminError extends Error {
  override readonly name = 'LastAdminError';
  readonly code = 'last_admin';
  readonly status = 409;

  /** @param publicReason the sentence a person reads, where it is not that nobody else is left */
  constructor(readonly publicReason?: string) {
    super('the only admin');
  }
}
