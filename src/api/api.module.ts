import { Module } from '@nestjs/common';
import { APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { ApiInterceptor } from './api.interceptor.js';
import { SchemaPipe } from './schema.pipe.js';

/**
 * api: what every route under /api keeps to. A schema per part of a request and per answer, and no other word of it.
 *
 *   @Body({ schema }), @Query({ schema }), @Param('id', { schema: id })   what comes in    (schema.pipe)
 *   @ApiRoute({ summary, answer, problems })                              what goes out    (api.interceptor)
 *
 * A part without a schema takes nothing. A route of an extension may do without @ApiRoute and is held to nothing. The
 * document at /api/openapi.json is read off the same schemas, in web/.
 * Not here: the schemas themselves. They stand in the room that has the route.
 */
@Module({
  providers: [
    { provide: APP_PIPE, useClass: SchemaPipe },
    { provide: APP_INTERCEPTOR, useClass: ApiInterceptor },
  ],
})
export class ApiModule {}
