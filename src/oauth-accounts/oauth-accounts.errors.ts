/** Why a linked account cannot be changed. */
export class OAuthAccountError extends Error {
  override readonly name = 'OAuthAccountError';

  private constructor(
    readonly code: 'not_found' | 'last_account',
    readonly status: 404 | 409,
    message: string,
    /** The sentence an admin reads; to the person themselves the code says enough. */
    readonly publicReason?: string,
  ) {
    super(message);
  }

  /** Also for an account of somebody else: nobody learns that it exists. */
  static notFound(): OAuthAccountError {
    return new OAuthAccountError('not_found', 404, 'no such account of this person');
  }

  static last(): OAuthAccountError {
    return new OAuthAccountError('last_account', 409, 'the only account of its person');
  }

  static lastOfSomebody(): OAuthAccountError {
    const reason = 'It is the only account this person can sign in with: block the person instead.';
    return new OAuthAccountError('last_account', 409, 'the only account of its person', reason);
  }
}
