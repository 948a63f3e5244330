/** The document of the API as a judge: what an application answers is held against what it says it answers. */
import { expect } from '@jest/globals';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { TestApp } from './app.js';
import type { Browser } from './browser.js';

/* eslint-disable @typescript-eslint/no-explicit-any -- JSON as it came */

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: any;
}

export interface ApiJudge {
  readonly document: any;
  /** Asks, and fails when the answer is not one that the document tells of. */
  ask(browser: Browser, method: string, address: string, init?: { body?: unknown; headers?: Record<string, string> }): Promise<ApiAnswer>; // prettier-ignore
  /** Of every answer so far. */
  readonly texts: string[];
  /** `GET /api/me 200` and so on, of every answer so far. */
  readonly seen: Set<string>;
  /** What the document tells of these paths and nobody has been answered yet; limits and a failing database are tested elsewhere. */
  untried(paths: RegExp): string[];
}

export async function apiJudge(app: TestApp): Promise<ApiJudge> {
  const document = (await (await fetch(new URL('/api/openapi.json', app.url))).json()) as any;
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  const compiled = new Map<unknown, ValidateFunction>();
  const texts: string[] = [];
  const seen = new Set<string>();

  const complaints = (schema: any, value: unknown): unknown => {
    // A `$ref` of the document is relative to the document, so its components come along.
    const validate = compiled.get(schema) ?? ajv.compile({ ...schema, components: document.components });
    compiled.set(schema, validate);
    return validate(value) ? [] : validate.errors;
  };

  const ask: ApiJudge['ask'] = async (browser, method, address, { body, headers = {} } = {}) => {
    const json = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
    const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
    const response = await browser.request(method, address, { ...json, headers: { ...type, ...headers } });
    const text = await response.text();
    texts.push(text);

    const [path, operation] = operationOf(document, method, address);
    const told = operation.responses[response.status];
    expect([method, address, response.status, told === undefined ? text : 'is told']).toEqual([method, address, response.status, 'is told']); // prettier-ignore
    seen.add(`${method} ${path} ${response.status}`);
    const [mediaType] = (response.headers.get('content-type') ?? '').split(';');
    const content = told.content ?? {};
    if (text === '') {
      expect(content).toEqual({});
      return { status: response.status, headers: response.headers, text, body: undefined };
    }
    expect(Object.keys(content)).toContain(mediaType);
    if (mediaType === 'text/html') return { status: response.status, headers: response.headers, text, body: undefined };
    const answer = JSON.parse(text);
    expect(complaints(content[mediaType!].schema, answer)).toEqual([]);
    return { status: response.status, headers: response.headers, text, body: answer };
  };

  const untried = (paths: RegExp) =>
    Object.entries<Record<string, { responses: object }>>(document.paths)
      .filter(([path]) => paths.test(path))
      .flatMap(([path, operations]) =>
        Object.entries(operations).flatMap(([method, { responses }]) =>
          Object.keys(responses).map((status) => `${method.toUpperCase()} ${path} ${status}`),
        ),
      )
      .filter((one) => !seen.has(one) && !/ (429|503)$/.test(one));

  return { document, ask, texts, seen, untried };
}

function operationOf(document: any, method: string, address: string): [string, any] {
  const { pathname } = new URL(address, 'http://x');
  const path = Object.keys(document.paths).find(
    (template) =>
      document.paths[template][method.toLowerCase()] !== undefined &&
      new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}$`).test(pathname),
  );
  if (path === undefined) throw new Error(`The document has no ${method} ${pathname}.`);
  return [path, document.paths[path][method.toLowerCase()]];
}
