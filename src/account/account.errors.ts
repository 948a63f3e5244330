/** A field of a form that does not hold what it must; nothing was done. */
export class FieldError extends Error {
  override readonly name = 'FieldError';
  readonly code = 'validation_failed';
  readonly status = 400;
  readonly errors: readonly { path: string; message: string }[];

  /** @param publicReason the sentence a person reads */
  constructor(
    path: string,
    message: string,
    readonly publicReason?: string,
  ) {
    super(`the field "${path}" ${message}`);
    this.errors = [{ path, message }];
  }
}
