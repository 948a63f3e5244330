import type { ProviderAnswer, ProviderCall, ProviderHttp } from './provider-http.js';
import type { ConfiguredProvider } from './provider.registry.js';

type Fields = Readonly<Record<string, string>>;

/** Sends fields to the provider with the client's own authentication (RFC 6749 §2.3.1). */
export async function sendAsClient(
  http: ProviderHttp,
  provider: ConfiguredProvider,
  address: string,
  parameters: Fields,
  { format = 'form', ...call }: ProviderCall & { readonly format?: 'form' | 'json' },
): Promise<ProviderAnswer> {
  const { form, headers } = await clientAuthentication(provider, call.signal);
  const request = { ...call, headers: { ...provider.headers, ...headers } };
  return provider.reach(address, senderOf(http, format, { ...parameters, ...form }, request), call.signal);
}

/** Sends a request for tokens, in the provider's format and under the provider's names for the fields. */
export async function sendTokenRequest(
  http: ProviderHttp,
  provider: ConfiguredProvider,
  address: string,
  parameters: Fields,
  limits: Pick<ProviderCall, 'signal' | 'limitMs'> = {},
): Promise<ProviderAnswer> {
  const { quirks } = provider.provider;
  const { form, headers } = await clientAuthentication(provider, limits.signal);
  const standard = { ...parameters, ...form };
  const named = provider.provider.tokenRequest?.(standard) ?? standard;
  const fields = Object.fromEntries(
    Object.entries(named).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  );
  const request = { step: 'token_request', ...limits, headers: { ...provider.headers, ...headers } } as const;
  return provider.reach(address, senderOf(http, quirks?.tokenRequestFormat ?? 'form', fields, request), limits.signal);
}

/** How one set of fields is sent. Only a provider that documents `query` gets them in the address. */
function senderOf(
  http: ProviderHttp,
  format: 'form' | 'json' | 'query',
  fields: Fields,
  call: ProviderCall,
): (address: string) => Promise<ProviderAnswer> {
  switch (format) {
    case 'form':
      return (address) => http.post(address, fields, call);
    case 'json': {
      const headers = { ...call.headers, 'content-type': 'application/json' };
      return (address) => http.send(address, { ...call, method: 'POST', headers, body: JSON.stringify(fields) });
    }
    case 'query':
      return (address) => http.get(withQuery(address, fields), call);
  }
}

/** An address with more parameters. */
export function withQuery(address: string, parameters: Fields): string {
  const url = new URL(address);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** How the client authenticates (RFC 6749 §2.3.1). */
async function clientAuthentication(
  provider: ConfiguredProvider,
  signal?: AbortSignal,
): Promise<{ form: Record<string, string>; headers: Record<string, string> }> {
  const { settings, provider: facts } = provider;
  const clientSecret = await provider.clientSecret();
  if ((await provider.tokenEndpointAuthMethod(signal)) === 'client_secret_basic') {
    const credentials = `${formEncoded(settings.clientId)}:${formEncoded(clientSecret)}`;
    return { form: {}, headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` } };
  }
  const name = facts.quirks?.clientIdParameter ?? 'client_id';
  return { form: { [name]: settings.clientId, client_secret: clientSecret }, headers: {} };
}

function formEncoded(text: string): string {
  return new URLSearchParams({ v: text }).toString().slice(2);
}
