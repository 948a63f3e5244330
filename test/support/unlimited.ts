/** A test signs in more often from one address than any office does. */
export const UNLIMITED = { RATE_LIMIT_SIGN_INS_PER_MINUTE: '0', RATE_LIMIT_API_PER_MINUTE: '0' };
