import { Controller, Get, Inject, Res, type Type } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { Response } from 'express';
import { z } from 'zod';
import { Public } from '../access/access.decorators.js';
import { ApiRoute } from '../api/api-route.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { SessionCookie } from '../sessions/session-cookie.js';
import { type ApiDocument, apiDocument } from './api-document.js';
import { docsPage } from './api-docs.page.js';

const openApi = z.looseObject({ openapi: z.string(), info: z.looseObject({}), paths: z.looseObject({}) });

/** The API about itself: for programs and for people, without a session. */
@Controller('api')
@Public()
export class ApiDocsController {
  #document: ApiDocument | undefined;

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly cookie: SessionCookie,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  @Get('openapi.json')
  @ApiRoute({ summary: 'This document, as OpenAPI 3.1.', answer: openApi })
  openApi(): ApiDocument {
    return this.#read();
  }

  @Get('docs')
  @ApiRoute({ summary: 'This document, as a page.', mediaType: 'text/html' })
  docs(@Res() response: Response): void {
    response.render('api-docs', docsPage(this.#read()));
  }

  /** Made when it is first asked for: most processes never are. */
  #read(): ApiDocument {
    const controllers = this.discovery.getControllers().flatMap(({ metatype }) => (metatype ?? []) as Type | Type[]);
    return (this.#document ??= apiDocument(controllers, {
      baseUrl: this.config.baseUrl,
      sessionCookie: this.cookie.name,
    }));
  }
}
