/** A body of a kind that is not used here. */
export class UnsupportedMediaTypeError extends Error {
  override readonly name = 'UnsupportedMediaTypeError';
  readonly code = 'unsupported_media_type';
  readonly status = 415;

  constructor() {
    super('unsupported media type');
  }
}
