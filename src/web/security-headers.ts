import helmet from 'helmet';
import type { RequestHandler } from 'express';

const ONE_YEAR_IN_SECONDS = 31_536_000;

/**
 * The headers of every answer. The policy is written out: helmet's default allows inline styles.
 *
 * @param formTargets origins that a form may end up at after a redirect: Chrome holds `form-action` against the
 *   whole chain (w3c/webappsec-csp#8), so a sign-in button would be dead without the providers in it
 */
export function securityHeaders(https: boolean, formTargets: readonly string[]): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
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
    },
    strictTransportSecurity: https ? { maxAge: ONE_YEAR_IN_SECONDS } : false,
    // Some paths of a sign-in carry a code; no other site may learn the address (RFC 9700 §4.2.4). Without any referrer a
    // browser sends `Origin: null` with our own forms, which is what a hostile sandboxed frame sends as well.
    referrerPolicy: { policy: 'same-origin' },
    xFrameOptions: { action: 'deny' },
    crossOriginOpenerPolicy: { policy: 'same-origin' },
  });
}
