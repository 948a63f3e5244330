import { createPublicKey } from 'node:crypto';
import { ConfigurationError } from '../config/config.js';
import { settingPrefix } from '../config/provider-settings.js';
import { randomToken } from '../crypto/random-token.js';
import { sendTokenRequest } from '../oauth/client-request.js';
import { fetchKeySet } from '../oauth/id-token.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import { fillIn } from '../oauth/placeholders.js';
import type { ConfiguredProvider } from '../oauth/provider.registry.js';
import { errorIn, refuseErrors, tokenResponseOf } from '../oauth/token-answer.js';
import { counted } from '../text/numbers.js';
import { ClockedHttp } from './clocked-http.js';
import type { Check } from './examine.js';
import { type Finding, ok, problem, warning } from './finding.js';

/** An id_token from the future or the past is refused from a minute on; half of that is the time to act. */
const CLOCKS_APART_MS = 30_000;
/** No clock that is looked after is this wrong. */
const CLOCKS_FAR_APART_MS = 120_000;

/** RFC 6749 §5.2: the client is not known, its secret is wrong, or it may not sign people in. */
const REFUSES_CLIENT = new Set(['invalid_client', 'unauthorized_client']);
const AREA = 'providers';

/** Asks each provider anew, over connections of its own: what the application remembers of it is not what it says now. */
export function providerChecks(providers: readonly ConfiguredProvider[]): Check[] {
  return providers.map((provider) => ({
    area: AREA,
    subject: provider.label,
    run: async () => {
      const http = new ClockedHttp();
      try {
        return await examineProvider(provider.over(http), http);
      } finally {
        await http.onApplicationShutdown();
      }
    },
  }));
}

async function examineProvider(provider: ConfiguredProvider, http: ClockedHttp): Promise<Finding[]> {
  const { label, describesItself, issuers } = provider;
  const found: Finding[] = [];
  try {
    await provider.endpoints();
    if (describesItself) found.push(ok(AREA, `${label} describes itself at ${issuers[0] ?? ''} (discovery).`));
  } catch (error) {
    // Without its addresses nothing else of it can be asked.
    return [problem(AREA, `${label} cannot be discovered: ${sentenceOf(error)}.`, discoveryRemedy(provider, error))];
  }
  const [keys, client] = await Promise.all([keysOf(provider, http), clientOf(provider, http)]);
  return [...found, ...keys, ...client, ...clockOf(provider, http)];
}

/** Only where an id_token carries the identity do keys matter. */
async function keysOf(provider: ConfiguredProvider, http: ClockedHttp): Promise<Finding[]> {
  const { label, id } = provider;
  if (!provider.provider.idToken) return [];
  try {
    const { keys } = await fetchKeySet(provider, http);
    const usable = keys.filter(isPublicKey).length;
    if (usable > 0) return [ok(AREA, `${label} publishes ${counted(usable, 'key')}.`)];
    return [
      problem(
        AREA,
        `${label} publishes no key that could verify an id_token.`,
        `Nobody can sign in until it does. If its keys are elsewhere, name the place in ${settingPrefix(id)}_JWKS_URI.`,
      ),
    ];
  } catch (error) {
    return [problem(AREA, `The keys of ${label} cannot be read: ${sentenceOf(error)}.`, reachRemedy(provider))];
  }
}

/** Asks for tokens with a made-up code: whoever is refused because of the code is known. */
async function clientOf(provider: ConfiguredProvider, http: ClockedHttp): Promise<Finding[]> {
  const { label, provider: facts } = provider;
  const name = settingPrefix(provider.id);
  let answer;
  try {
    const { token_endpoint } = await provider.endpoints();
    const parameters = {
      grant_type: 'authorization_code',
      code: randomToken(),
      redirect_uri: provider.redirectUri,
      ...(provider.usesPkce ? { code_verifier: randomToken() } : {}),
      ...fillIn(provider, facts.quirks?.exchangeParameters ?? {}),
    };
    answer = await sendTokenRequest(http, provider, token_endpoint, parameters);
  } catch (error) {
    const remedy = error instanceof ConfigurationError ? `Set it again as ${label} gives it.` : reachRemedy(provider);
    return [problem(AREA, `${label} cannot be asked for tokens: ${sentenceOf(error)}.`, remedy)];
  }
  const error = errorIn(provider, tokenResponseOf(provider, answer) ?? {});
  if (error === 'invalid_grant') {
    return [ok(AREA, `${label} knows the client id and its secret: it refused nothing but a made-up code.`)];
  }
  if (error === 'redirect_uri_mismatch') {
    const remedy = `Register ${provider.redirectUri} at ${label}${atConsole(provider)}, letter by letter.`;
    return [problem(AREA, `${label} does not know the redirect URI.`, remedy)];
  }
  if (answer.status === 401 || (error !== undefined && REFUSES_CLIENT.has(error))) {
    return [
      problem(
        AREA,
        `${label} refuses the client: the client id or its secret is wrong, or not of this application.`,
        `Copy both anew from ${label}${atConsole(provider)} into ${name}_CLIENT_ID and ${name}_CLIENT_SECRET, then restart.`,
      ),
    ];
  }
  return [
    warning(
      AREA,
      `Whether ${label} knows the client cannot be told: ${answerOf(provider, answer)}.`,
      'Sign in once to see. If that works, nothing is wrong.',
    ),
  ];
}

function clockOf({ label }: ConfiguredProvider, { aheadMs }: ClockedHttp): Finding[] {
  if (aheadMs === undefined) return [];
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  if (Math.abs(aheadMs) <= CLOCKS_APART_MS) {
    return [ok(AREA, `The clock of ${label} and that of this machine agree within ${CLOCKS_APART_MS / 1000} seconds.`)];
  }
  const what = `The clock of this machine is ${seconds} seconds ${aheadMs > 0 ? 'behind' : 'ahead of'} that of ${label}.`;
  const remedy = 'Keep the time of this machine with NTP: an id_token that seems more than a minute off is refused.';
  return [Math.abs(aheadMs) > CLOCKS_FAR_APART_MS ? problem(AREA, what, remedy) : warning(AREA, what, remedy)];
}

function isPublicKey(key: Readonly<Record<string, unknown>>): boolean {
  if (key.use !== undefined && key.use !== 'sig') return false;
  try {
    return createPublicKey({ key, format: 'jwk' }).type === 'public';
  } catch {
    return false;
  }
}

/** An answer that is no success, in the house's words for it. */
function answerOf(provider: ConfiguredProvider, answer: Parameters<typeof refuseErrors>[1]): string {
  try {
    refuseErrors(provider, answer, 'token_request');
    return 'it had no objection to a made-up code';
  } catch (error) {
    return `it ${sentenceOf(error)}`;
  }
}

/** The messages of both were written without a secret and without a provider's words. */
function sentenceOf(error: unknown): string {
  if (error instanceof ConfigurationError) {
    return error.problems.map(({ setting, message }) => `${setting} ${message}`).join('; ');
  }
  if (error instanceof OAuthError) return error.message;
  throw error;
}

function reachRemedy(provider: ConfiguredProvider): string {
  return (
    `See that this machine reaches ${provider.label}: name, firewall, proxy, certificate. An address that is not on ` +
    `the public internet must be named, as ${settingPrefix(provider.id)}_TOKEN_ENDPOINT or ${settingPrefix(provider.id)}_JWKS_URI.`
  );
}

function discoveryRemedy(provider: ConfiguredProvider, error: unknown): string {
  const setting = `${settingPrefix(provider.id)}_ISSUER`;
  const isAnswer = error instanceof OAuthError && error.code === 'provider_answer_invalid';
  return isAnswer
    ? `Set ${setting} exactly to what the server calls itself, a slash at the end included.`
    : `See that ${setting} is right and that this machine reaches it: name, firewall, proxy, certificate.`;
}

function atConsole({ provider }: ConfiguredProvider): string {
  return provider.consoleUrl === undefined ? '' : ` (${provider.consoleUrl})`;
}
