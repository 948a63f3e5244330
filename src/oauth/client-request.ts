import type { ProviderAnswer, ProviderCall, ProviderHttp } from './provider-http.js';
import type { ConfiguredProvider } from './provider.registry.js';

/** Sends fields to the provider with the proof of who we are (RFC 6749 §2.3.1). */
export async function sendAsClient(
  http: ProviderHttp,
  provider: ConfiguredProvider,
  address: string,
  parameters: Readonly<Record<string, string>>,
  { format = 'form', ...call }: ProviderCall & { readonly format?: 'form' | 'json' },
): Promise<ProviderAnswer> {
  const { form, headers } = await clientAuthentication(provider, call.signal);
  const fields = { ...parameters, ...form };
  const request = { ...call, headers: { ...provider.headers, ...headers } };
  const json = {
    ...request,
    method: 'POST',
    headers: { ...request.headers, 'content-type': 'application/json' },
    body: JSON.stringify(fields),
  } as const;
  const send = (to: string) => (format === 'form' ? http.post(to, fields, request) : http.send(to, json));
  return provider.reach(address, send, call.signal);
}

/** How the client proves itself (RFC 6749 §2.3.1). The secret never travels in a URL. */
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
