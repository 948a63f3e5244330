import { Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ErrorFilter } from './error.filter.js';
import { HomeController } from './home.controller.js';

/**
 * web: the home page, and what all pages share: view engine, security headers, one error filter with all its texts.
 *
 *   GET /
 *
 * Signed in, the home page is two statements (session, account) and one provider call.
 */
@Module({ controllers: [HomeController], providers: [{ provide: APP_FILTER, useClass: ErrorFilter }] })
export class WebModule {}
