/**
 * The `error` codes that a provider may send, by the documents that define them: RFC 6749 §4.1.2.1 and §5.2, RFC 6750
 * §3.1, RFC 7009 §2.2.1, RFC 8707 §2, RFC 9396 §5, RFC 9449 §5, RFC 9470 §3, OpenID Connect Core §3.1.2.6.
 */
const ERROR_CODES: ReadonlySet<string> = new Set([
  ...['invalid_request', 'unauthorized_client', 'access_denied', 'unsupported_response_type', 'invalid_scope'],
  ...['server_error', 'temporarily_unavailable', 'invalid_client', 'invalid_grant', 'unsupported_grant_type'],
  ...['invalid_token', 'insufficient_scope', 'unsupported_token_type', 'invalid_target'],
  ...['invalid_authorization_details', 'invalid_dpop_proof', 'use_dpop_nonce', 'insufficient_user_authentication'],
  ...['interaction_required', 'login_required', 'account_selection_required', 'consent_required'],
  ...['invalid_request_uri', 'invalid_request_object', 'request_not_supported', 'request_uri_not_supported'],
  ...['registration_not_supported', 'unmet_authentication_requirements'],
]);

/** Whether the provider understood the request and refused it with a code that is defined. */
export function isErrorCode(error: string | undefined): boolean {
  return error !== undefined && ERROR_CODES.has(error);
}

/** What the log says of an `error`: the code itself, because the list is closed; of any other text only that it came. */
export function loggedError(error: unknown): string {
  return typeof error === 'string' && isErrorCode(error) ? error : 'another error';
}
