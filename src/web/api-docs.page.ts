import type { ApiDocument, Operation, Schema } from './api-document.js';
import { ERROR_TEXTS } from './error-texts.js';
import { own } from '../text/own.js';

/** A value that is sent or answered, on a line of its own. */
interface Field {
  readonly name: string;
  readonly type: string;
  readonly note: string;
}

interface Answer {
  readonly status: string;
  readonly what: string;
  readonly codes: readonly string[];
  readonly fields: readonly Field[];
}

interface Route {
  readonly anchor: string;
  readonly method: string;
  readonly path: string;
  readonly summary: string;
  readonly needs: readonly string[];
  readonly inputs: readonly { readonly place: string; readonly fields: readonly Field[] }[];
  readonly answers: readonly Answer[];
  readonly problems: readonly Answer[];
}

/** What the page at /api/docs shows: the document, put as people read it. */
export function docsPage(document: ApiDocument): object {
  const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => routeOf(document, method, path, operation)),
  );
  const groups = [...new Set(routes.map(groupOf))].sort();
  return {
    title: 'The API',
    about: document.info.description.split(/(?<=\.) /),
    groups: groups.map((name) => ({ name, routes: routes.filter((route) => groupOf(route) === name) })),
    codes: Object.entries(ERROR_TEXTS).map(([code, { sentence, advice }]) => ({ code, sentence, advice })),
  };
}

/** `/api/me/accounts` and all below `/api/me` stand together. */
function groupOf({ path }: Route): string {
  return path.split('/').slice(0, 3).join('/');
}

function routeOf(document: ApiDocument, method: string, path: string, operation: Operation): Route {
  const answers = Object.entries(operation.responses);
  return {
    anchor: operation.operationId,
    method: method.toUpperCase(),
    path,
    summary: operation.summary,
    needs: needsOf(operation),
    inputs: inputsOf(document, operation),
    answers: answers
      .filter(([status]) => Number(status) < 400)
      .map(([status, { content = {} }]) => {
        const [[mediaType, { schema }] = ['', { schema: undefined }]] = Object.entries(content);
        const fields = schema === undefined ? [] : fieldsOf(document, schema);
        return { status, what: whatOf(document, mediaType, schema), codes: [], fields };
      }),
    problems: answers
      .filter(([status]) => Number(status) >= 400)
      .map(([status, { content = {} }]) => ({ status, what: '', codes: codesOf(content), fields: [] })),
  };
}

function needsOf(operation: Operation): string[] {
  const session = operation.security.length === 0 ? 'nothing' : 'a session';
  return [
    operation.security.length > 1 ? 'a session, if there is one' : session,
    ...(operation['x-roles'] ? [`the role ${operation['x-roles'].join(' or ')}`] : []),
    ...(operation['x-recent-sign-in'] ? ['a sign-in of the last ten minutes'] : []),
    ...(operation['x-same-origin'] ? ['the same origin'] : []),
  ];
}

function inputsOf(document: ApiDocument, { parameters = [], requestBody }: Operation): Route['inputs'] {
  const inPlace = (wanted: string): Field[] =>
    parameters
      .filter((parameter) => parameter.in === wanted)
      .map(({ name, required, description, schema }) => field(document, name, { ...schema, description }, required));
  const body = requestBody?.content['application/json']?.schema;
  const places = [
    { place: 'In the path', fields: inPlace('path') },
    { place: 'In the query', fields: inPlace('query') },
    { place: 'In the body, as JSON', fields: body === undefined ? [] : fieldsOf(document, body) },
  ];
  return places.filter(({ fields }) => fields.length > 0);
}

function whatOf(document: ApiDocument, mediaType: string, schema: Schema | undefined): string {
  if (schema === undefined) return mediaType === '' ? 'an empty answer' : mediaType;
  return resolved(document, schema).type === 'array' ? 'a list of' : 'an object of';
}

function codesOf(content: Operation['responses'][string]['content'] = {}): readonly string[] {
  const parts = Object.values(content).flatMap(({ schema }) => schema?.allOf ?? []);
  return parts.flatMap(({ properties }) => properties?.code?.enum ?? []);
}

/** The fields of an object, or of the objects of a list; those of an object inside as `session.id`. */
function fieldsOf(document: ApiDocument, schema: Schema, parents = ''): Field[] {
  const { type, items, properties = {}, required = [] } = resolved(document, schema);
  if (type === 'array' && items) return fieldsOf(document, items, parents);
  return Object.entries(properties).flatMap(([name, inside]) => {
    const path = `${parents}${name}`;
    const below = fieldsOf(document, inside, `${path}.`);
    return below.length > 0 ? below : [field(document, path, inside, required.includes(name))];
  });
}

function field(document: ApiDocument, name: string, schema: Schema, required: boolean): Field {
  const { description = '', default: otherwise } = { ...resolved(document, schema), ...schema };
  const missing = otherwise === undefined ? 'may be left out' : `otherwise ${JSON.stringify(otherwise)}`;
  return { name, type: typeOf(document, schema), note: [description, ...(required ? [] : [missing])].join(' ').trim() };
}

function typeOf(document: ApiDocument, schema: Schema): string {
  const { type, format, items, anyOf, enum: values } = resolved(document, schema);
  if (anyOf) return anyOf.map((one) => typeOf(document, one)).join(' or ');
  if (values) return values.join(' or ');
  if (type === 'array') return `list of ${items ? typeOf(document, items) : 'anything'}`;
  if (format !== undefined) return own(NAMES_OF_FORMATS, format) ?? format;
  return [type ?? 'anything'].flat().join(' or ');
}

const NAMES_OF_FORMATS: Readonly<Record<string, string>> = { 'date-time': 'time', uuid: 'UUID', uri: 'URL' };

function resolved({ components }: ApiDocument, schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  return own(components.schemas, schema.$ref.replace('#/components/schemas/', '')) ?? schema;
}
