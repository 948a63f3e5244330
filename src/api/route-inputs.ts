import type { Type } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { StandardSchemaV1 } from '@standard-schema/spec';

/** A part of a request that a handler takes. */
export interface RouteInput {
  readonly part: 'body' | 'query' | 'param';
  /** The one field it takes; undefined where it takes the whole part. */
  readonly field?: string;
  readonly schema?: StandardSchemaV1;
}

const PARTS: Readonly<Record<number, RouteInput['part']>> = {
  [RouteParamtypes.BODY]: 'body',
  [RouteParamtypes.QUERY]: 'query',
  [RouteParamtypes.PARAM]: 'param',
};

/** What `@Body()`, `@Query()` and `@Param()` of a handler say. */
export function inputsOf(controller: Type, handler: string): RouteInput[] {
  type Declared = Record<string, { data?: string; schema?: StandardSchemaV1 }>;
  const declared = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, handler) ?? {}) as Declared;
  return Object.entries(declared).flatMap(([key, { data, schema }]) => {
    // Nest's own are `3:0`. Those of decorators that are made here begin with letters and digits by chance.
    const [, type] = /^(\d+):\d+$/.exec(key) ?? [];
    const part = PARTS[Number(type)];
    return part === undefined ? [] : [{ part, field: data, schema }];
  });
}
