export type Strings = Readonly<Record<string, string>>;

/** A request as it came in. */
export interface Received {
  readonly method: string;
  /** Without its query: `https://api.example.com/me`. */
  readonly address: string;
  /** With it. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** What it was taken for. */
  kind: RequestKind;
}

export type RequestKind =
  'discovery' | 'keys' | 'exchange' | 'refresh' | 'call' | 'revocation' | 'api' | 'undocumented';

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
  /** With `content-encoding: gzip` the body is compressed on its way out. */
  readonly headers?: Readonly<Record<string, string>>;
}

export function json(value: unknown, status = 200): Answer {
  return { status, body: JSON.stringify(value), type: 'application/json' };
}

/** What a fixture says of an answer: JSON, or text of another kind, or nothing. */
export function documentedAnswer({
  status,
  answer,
  text,
  encoding,
}: {
  status: number;
  answer?: unknown;
  text?: string;
  encoding?: 'gzip';
}): Answer {
  const headers = encoding && { 'content-encoding': encoding };
  if (text !== undefined) return { status, body: text, type: 'text/plain', headers };
  return answer === undefined ? { status, body: '' } : { ...json(answer, status), headers };
}

export function header({ headers }: Received, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** The members of an object that are strings. */
export function stringsIn(value: unknown): Record<string, string> {
  const entries = Object.entries((value ?? {}) as Record<string, unknown>);
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}
