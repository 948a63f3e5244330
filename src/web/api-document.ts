import { RequestMethod, type Type } from '@nestjs/common';
import { HTTP_CODE_METADATA, METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner } from '@nestjs/core';
import { z } from 'zod';
import { ACCESS, type Access, RECENT_SIGN_IN } from '../access/access.decorators.js';
import type { Role } from '../access/signed-in.js';
import { API_ROUTE, type ApiRouteFacts } from '../api/api-route.js';
import { problem, PROBLEM_STATUS, type ProblemCode } from '../api/problem.js';
import { inputsOf, type RouteInput } from '../api/route-inputs.js';
import { ERROR_TEXTS } from './error-texts.js';

/** A JSON Schema (draft 2020-12, as OpenAPI 3.1 has it), as far as it is looked at here. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly enum?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
  readonly default?: unknown;
  readonly description?: string;
}

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly required: boolean;
  readonly description?: string;
  readonly schema: Schema;
}

type Content = Readonly<Record<string, { readonly schema?: Schema }>>;

/** A route, as OpenAPI has it. The members with `x-` are ours. */
export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required: true; readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
  /** Who may call it, where that is not everybody who is signed in. */
  readonly 'x-roles'?: readonly Role[];
  readonly 'x-recent-sign-in'?: true;
  readonly 'x-same-origin'?: true;
  /** What may go wrong, by status. */
  readonly 'x-problems': readonly ProblemCode[];
}

export interface ApiDocument {
  readonly openapi: '3.1.1';
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly securitySchemes: Readonly<Record<string, object>>;
  };
}

const ABOUT = [
  'Everything is JSON. Times are RFC 3339 in UTC, ids are UUIDs.',
  'An error is application/problem+json (RFC 9457); a program goes by its code.',
  'Unknown fields are refused, in a body and in a query. A body may have 64 kB.',
  'An id of somebody else is as unknown as one that nobody has.',
].join(' ');

const PROBLEM_JSON = 'application/problem+json';
const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

/** A route of a controller, with all that its decorators say. */
interface ApiRoute {
  readonly method: string;
  /** As OpenAPI spells it: `/api/me/accounts/{id}`. */
  readonly path: string;
  readonly status: number;
  readonly access: Access | undefined;
  readonly recent: boolean;
  readonly inputs: readonly RouteInput[];
  readonly facts: ApiRouteFacts;
}

/** The document of all routes under /api, read off the decorators and schemas that the application itself runs by. */
export function apiDocument(
  controllers: readonly Type[],
  { baseUrl, sessionCookie }: { baseUrl: string; sessionCookie: string },
): ApiDocument {
  const routes = controllers.flatMap(routesOf).filter(({ path }) => path.startsWith('/api/'));
  const schemas = jsonSchemas(routes);
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of routes) {
    (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(route, schemas);
  }
  return {
    openapi: '3.1.1',
    info: { title: 'Gatehouse', version: '1', description: ABOUT },
    servers: [{ url: baseUrl }],
    paths,
    components: {
      schemas: schemas.named,
      securitySchemes: {
        session: { type: 'apiKey', in: 'cookie', name: sessionCookie, description: 'The cookie of a sign-in.' },
      },
    },
  };
}

function routesOf(controller: Type): ApiRoute[] {
  const prototype = controller.prototype as Record<string, object>;
  return new MetadataScanner().getAllMethodNames(prototype).flatMap((name) => {
    const handler = prototype[name];
    if (handler === undefined || !Reflect.hasMetadata(PATH_METADATA, handler)) return [];
    /** What the method says, or else its class. */
    const said = (key: string): unknown => Reflect.getMetadata(key, handler) ?? Reflect.getMetadata(key, controller);
    const method = RequestMethod[said(METHOD_METADATA) as RequestMethod];
    return fullPaths(controller, handler).map((path) => ({
      method,
      path,
      status: (said(HTTP_CODE_METADATA) as number | undefined) ?? (method === 'POST' ? 201 : 200),
      access: said(ACCESS) as Access | undefined,
      recent: said(RECENT_SIGN_IN) === true,
      inputs: inputsOf(controller, name),
      facts: (said(API_ROUTE) as ApiRouteFacts | undefined) ?? { summary: '' },
    }));
  });
}

function fullPaths(controller: Type, handler: object): string[] {
  const pathsOf = (target: object) => [Reflect.getMetadata(PATH_METADATA, target) as string | string[]].flat();
  return pathsOf(controller).flatMap((room) =>
    pathsOf(handler).map((inside) =>
      `/${room}/${inside}`
        .replace(/\/{2,}/g, '/')
        .replace(/(?<=.)\/$/, '')
        .replace(/:(\w+)/g, '{$1}'),
    ),
  );
}

/** zod's schemas as JSON Schema: those of answers as they leave, those of requests as they come. */
interface JsonSchemas {
  of(schema: unknown): Schema;
  /** With an id: written once, referred to everywhere else. */
  readonly named: Readonly<Record<string, Schema>>;
}

function jsonSchemas(routes: readonly ApiRoute[]): JsonSchemas {
  const answers = converted('output', [problem, ...routes.flatMap(({ facts }) => facts.answer ?? [])]);
  const requests = converted(
    'input',
    routes.flatMap(({ inputs }) => inputs.flatMap(({ schema }) => (isZod(schema) ? schema : []))),
  );
  return {
    of: (schema) => answers.schemas.get(schema) ?? requests.schemas.get(schema) ?? {},
    named: { ...requests.named, ...answers.named },
  };
}

/** All of them in one go, so that a name means one thing in the whole document. */
function converted(io: 'input' | 'output', schemas: readonly z.ZodType[]) {
  const all = z.object(Object.fromEntries(schemas.map((schema, index) => [index, schema])));
  const json = z.toJSONSchema(all, {
    io,
    override: ({ jsonSchema }) => {
      // The format says it; zod's own expression for a date alone has four hundred characters.
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
      // A name is written beside what it names, not in it.
      delete jsonSchema.id;
    },
  });
  const { properties, $defs } = JSON.parse(JSON.stringify(json).replaceAll('"#/$defs/', '"#/components/schemas/')) as {
    properties: Record<number, Schema>;
    $defs?: Record<string, Schema>;
  };
  return { schemas: new Map<unknown, Schema>(schemas.map((schema, index) => [schema, properties[index] ?? {}])), named: $defs ?? {} }; // prettier-ignore
}

function isZod(schema: unknown): schema is z.ZodType {
  return schema instanceof z.ZodType;
}

function operation(route: ApiRoute, schemas: JsonSchemas): Operation {
  const { method, path, access, recent, facts } = route;
  const parameters = parametersOf(route, schemas);
  const body = route.inputs.find(({ part }) => part === 'body');
  const problems = problemsOf(route);
  return {
    operationId: operationId(method, path),
    summary: facts.summary,
    tags: [path.split('/')[2] ?? ''],
    security: access === 'public' ? [] : access === 'optional' ? [{}, { session: [] }] : [{ session: [] }],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: schemas.of(body.schema) } } } }),
    responses: { [route.status]: answerOf(route, schemas), ...problemResponses(problems, schemas) },
    ...(Array.isArray(access) ? { 'x-roles': access as readonly Role[] } : {}),
    ...(recent ? { 'x-recent-sign-in': true } : {}),
    ...(SAFE_METHODS.includes(method) ? {} : { 'x-same-origin': true }),
    'x-problems': problems,
  };
}

/** `DELETE /api/me/accounts/{id}` is `deleteMeAccountsById`. */
function operationId(method: string, path: string): string {
  const words = path
    .split('/')
    .slice(2)
    .flatMap((segment) => segment.replace(/^\{(.+)\}$/, 'by.$1').split(/[^A-Za-z0-9]+/));
  return [method.toLowerCase(), ...words.map((word) => word.charAt(0).toUpperCase() + word.slice(1))].join('');
}

function parametersOf({ inputs }: ApiRoute, schemas: JsonSchemas): Parameter[] {
  return inputs.flatMap(({ part, field, schema }) => {
    if (part === 'body') return [];
    const json = schemas.of(schema);
    const place = part === 'param' ? 'path' : 'query';
    if (field !== undefined) return [parameter(place, field, json, part === 'param')];
    return Object.entries(json.properties ?? {}).map(([name, one]) =>
      parameter(place, name, one, part === 'param' || (json.required ?? []).includes(name)),
    );
  });
}

function parameter(place: Parameter['in'], name: string, json: Schema, required: boolean): Parameter {
  const { description, ...schema } = json;
  return { name, in: place, required, ...(description === undefined ? {} : { description }), schema };
}

function answerOf({ status, facts }: ApiRoute, schemas: JsonSchemas): Operation['responses'][string] {
  const description = status === 204 ? 'Done. There is nothing to say.' : facts.summary;
  if (facts.mediaType !== undefined) return { description, content: { [facts.mediaType]: {} } };
  if (facts.answer === undefined) return { description };
  return { description, content: { 'application/json': { schema: schemas.of(facts.answer) } } };
}

/** What may go wrong follows from who may call a route and what it takes; the rest it says itself. */
function problemsOf({ method, access, recent, inputs, facts }: ApiRoute): ProblemCode[] {
  const takesBody = inputs.some(({ part }) => part === 'body');
  const problems: Record<ProblemCode, boolean> = {
    validation_failed: true,
    not_signed_in: access !== 'public' && access !== 'optional',
    recent_sign_in_required: recent,
    forbidden: Array.isArray(access),
    cross_origin: !SAFE_METHODS.includes(method),
    not_found: inputs.some(({ part }) => part === 'param'),
    last_account: false,
    last_admin: false,
    payload_too_large: takesBody,
    unsupported_media_type: takesBody,
    rate_limited: true,
    database_unavailable: access !== 'public',
  };
  const codes = Object.keys(problems) as ProblemCode[];
  return codes.filter((code) => problems[code] || facts.problems?.includes(code) === true);
}

function problemResponses(codes: readonly ProblemCode[], schemas: JsonSchemas): Operation['responses'] {
  const statuses = [...new Set(codes.map((code) => PROBLEM_STATUS[code]))].sort();
  return Object.fromEntries(
    statuses.map((status) => {
      const here = codes.filter((code) => PROBLEM_STATUS[code] === status);
      const description = here.map((code) => `${code}: ${ERROR_TEXTS[code]?.sentence ?? ''}`).join(' ');
      const schema = { allOf: [schemas.of(problem), { type: 'object', properties: { code: { enum: here } } }] };
      return [status, { description, content: { [PROBLEM_JSON]: { schema } } }];
    }),
  );
}
