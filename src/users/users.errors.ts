/** Without this person nobody could run the place any more. */
export class LastAdminError extends Error {
  override readonly name = 'LastAdminError';
  readonly code = 'last_admin';
  readonly status = 409;

  constructor() {
    super('the only admin');
  }
}
