import { OperationProcessingError, UnsupportedOperationError } from 'oauth4webapi';

/** What is checked of an id_token (OpenID Connect Core §3.1.3.7), as the log names it. */
export const CHECKS = {
  format: 'format',
  encryption: 'encryption (an encrypted id_token cannot be read)',
  header: 'header (crit)',
  alg: 'algorithm (alg)',
  key: 'key not found (kid)',
  keys: 'key not named (kid), and several keys fit',
  signature: 'signature',
  iss: 'issuer (iss)',
  sub: 'subject (sub)',
  aud: 'audience (aud)',
  azp: 'authorized party (azp)',
  nonce: 'nonce',
  exp: 'expiry (exp)',
  iat: 'time of issue (iat)',
  nbf: 'not valid before (nbf)',
  auth_time: 'time of authentication (auth_time)',
  other: 'another check',
} as const;

export type Check = keyof typeof CHECKS;

/** The library's own sentences: they name claims and header parameters, and hold nothing of the token. */
const SENTENCES: readonly (readonly [RegExp, Check])[] = [
  [/signature verification failed/, 'signature'],
  [/multiple applicable keys found/, 'keys'],
  [/no applicable keys found/, 'key'],
  [/JWE/, 'encryption'],
  [/"crit"/, 'header'],
  [/"alg"|algorithm/, 'alg'],
  [/^Invalid JWT$|JWT (Header|Payload)/, 'format'],
];

/** Which check an error of oauth4webapi stands for. */
export function failedCheck(error: unknown): Check {
  if (!(error instanceof OperationProcessingError) && !(error instanceof UnsupportedOperationError)) return 'other';
  const { message } = error;
  const named = /(?:JWT|ID Token) "(\w+)"/.exec(message)?.[1];
  if (named !== undefined && Object.hasOwn(CHECKS, named)) return named as Check;
  return SENTENCES.find(([sentence]) => sentence.test(message))?.[1] ?? 'other';
}
