import { Module } from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR, DiscoveryModule } from '@nestjs/core';
import { ApiDocsController } from './api-docs.controller.js';
import { ErrorFilter } from './error.filter.js';
import { FormTargetsInterceptor } from './form-targets.interceptor.js';
import { HomeController } from './home.controller.js';

/**
 * web: the home page, what the API says of itself, and what all pages share: view engine, security headers, one error
 * filter with all its texts.
 *
 *   GET /
 *   GET /api/openapi.json    read off decorators and schemas  (api-document)
 *   GET /api/docs            the same for people              (api-docs.page)
 *
 * Signed in, the home page is two statements (session, account) and one provider call.
 */
@Module({
  imports: [DiscoveryModule],
  controllers: [HomeController, ApiDocsController],
  providers: [
    { provide: APP_FILTER, useClass: ErrorFilter },
    { provide: APP_INTERCEPTOR, useClass: FormTargetsInterceptor },
  ],
})
export class WebModule {}
