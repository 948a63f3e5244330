import helmet from 'helmet';
import type { RequestHandler } from 'express';

const ONE_YEAR_IN_SECONDS = 31_536_000;

/** The headers of every response. */
export function securityHeaders(https: boolean): RequestHandler {
  return helmet({
    // Set by each policy below. Helmet's default allows inline styles.
    contentSecurityPolicy: false,
    strictTransportSecurity: https ? { maxAge: ONE_YEAR_IN_SECONDS } : false,
    // Some paths of a sign-in carry a code; no other site may learn the address (RFC 9700 §4.2.4). Without any referrer a
    // browser sends `Origin: null` with our own forms, which is what a hostile sandboxed frame sends as well.
    referrerPolicy: { policy: 'same-origin' },
    xFrameOptions: { action: 'deny' },
    crossOriginOpenerPolicy: { policy: 'same-origin' },
  });
}

/** @param formTargets where forms can lead beside our own origin, as sources of a policy (CSP Level 3 §2.3.1) */
export function contentSecurityPolicy(formTargets: readonly string[] = []): RequestHandler {
  return helmet.contentSecurityPolicy({
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'"],
      formAction: ["'self'", ...formTargets],
      baseUri: ["'none'"],
      objectSrc: ["'none'"],
      frameAncestors: ["'none'"],
    },
  });
}
