import type { Config } from '../config/config.js';
import { DEVELOPMENT_KEY_ID } from '../config/development-key.js';
import { isLoopback } from '../config/web-address.js';
import { type Finding, ok, warning } from './finding.js';

/** What the settings say by themselves; that they can be read has been seen to. */
export function settingsFindings({ production, warnings, unknownNames }: Config): Finding[] {
  const mode = production ? 'production' : 'development';
  return [
    ok('settings', `Every setting can be read (NODE_ENV is ${mode}).`),
    ...warnings.map(({ what, remedy }) => warning('settings', what, remedy)),
    ...(unknownNames.length === 0
      ? []
      : [
          warning(
            'settings',
            `These names in the environment or in .env are not settings: ${unknownNames.join(', ')}.`,
            'Correct them as .env.example has them, or remove them. Nothing reads them.',
          ),
        ]),
  ];
}

/** Whether a session's cookie is one that no other site and no network can read or plant. */
export function cookieFindings({ https, baseUrl, production }: Config): Finding[] {
  if (https) return [ok('address', 'Cookies carry Secure, HttpOnly and the prefix __Host-.')];
  const local = isLoopback(new URL(baseUrl).hostname);
  if (local && !production) {
    return [
      ok('address', `Cookies carry HttpOnly; Secure and __Host- come with https, and ${baseUrl} is this machine.`),
    ];
  }
  return [
    warning(
      'address',
      `BASE_URL is ${baseUrl}: over plain http cookies carry neither Secure nor the prefix __Host-.`,
      local
        ? 'Set BASE_URL to the https address that browsers use, unless they all run on this machine.'
        : 'Serve it over https and set BASE_URL to that address: whoever is on the way can read sessions.',
    ),
  ];
}

/** What has to be registered at each provider, letter by letter. */
export function redirectUriFindings(
  providers: readonly { readonly label: string; readonly redirectUri: string; readonly consoleUrl?: string }[],
): Finding[] {
  return providers.map(({ label, redirectUri, consoleUrl }) =>
    ok(
      'address',
      `The redirect URI of ${label} is ${redirectUri}`,
      `It must be registered at ${label} exactly so${consoleUrl === undefined ? '' : `: ${consoleUrl}`}`,
    ),
  );
}

/** Where no browser is there to be asked, see browser-view. */
export function proxyFindings({ trustProxy }: Config): Finding[] {
  if (trustProxy === undefined) {
    return [
      ok(
        'address',
        'TRUST_PROXY is not set: browsers are expected to connect directly.',
        'With a proxy in front, set it. The page /admin/doctor shows what the proxy really sends.',
      ),
    ];
  }
  const whom = typeof trustProxy === 'number' ? `the last ${trustProxy} of them` : trustProxy.join(', ');
  return [
    ok('address', `Proxies in front are believed: ${whom}.`, 'The page /admin/doctor shows what they really send.'),
  ];
}

export function keyRingFindings({ secretKeys, production }: Pick<Config, 'secretKeys' | 'production'>): Finding[] {
  if (!secretKeys.some(({ id }) => id === DEVELOPMENT_KEY_ID)) return [];
  return [
    warning(
      'secret keys',
      'The development key seals tokens and cookies: it lies as a file in DATA_DIR.',
      production
        ? 'Make a key of its own: npm run cli -- keys:generate, then keys:rotate.'
        : 'Before anybody relies on this, set SECRET_KEYS: npm run cli -- keys:generate',
    ),
  ];
}

export function standInFindings(hasStandIn: boolean, baseUrl: string): Finding[] {
  if (!hasStandIn) return [];
  return [
    warning(
      'providers',
      'Google is played by the built-in stand-in: anybody can sign in as anybody.',
      'Before real people come, set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET, or those of another provider. The ' +
        `redirect URI to register at Google is ${baseUrl}/google/authorized`,
    ),
  ];
}
