/** The stored grant is dead: the person must connect again, at `reconnectPath`. */
export class ReconnectRequiredError extends Error {
  override readonly name = 'ReconnectRequiredError';
  readonly code = 'reconnect_required';
  readonly status = 409;
  readonly reconnectPath: string;

  constructor(provider: string, cause?: unknown) {
    super(`the grant at ${provider} is dead`, { cause });
    this.reconnectPath = `/${provider}`;
  }
}
