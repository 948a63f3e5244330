/**
 * An extension that does at once what pages ask about first: a test that races two processes needs the act and not the
 * page. Who is signed in says yes to what waits in their browser, or leaves.
 *
 *   POST /acts/confirm-link, /acts/merge, /acts/leave
 */
import { Controller, Inject, Module, Post, Req } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { clientOf } from '../../dist/access/client.js';
import { AccountDeletion } from '../../dist/account/account-deletion.js';
import { MergeService } from '../../dist/auth/merge.service.js';
import { PendingLinkCookie } from '../../dist/auth/pending-link-cookie.js';
import { PendingLinks } from '../../dist/auth/pending-links.service.js';

class ActsController {
  constructor(moduleRef) {
    this.the = (type) => moduleRef.get(type, { strict: false });
  }

  async confirmLink(request) {
    await this.the(PendingLinks).confirmLink(this.#token(request), request.signedIn.user.id, clientOf(request));
  }

  async merge(request) {
    await this.the(MergeService).merge(this.#token(request), request.signedIn.user.id, clientOf(request));
  }

  async leave(request) {
    await this.the(AccountDeletion).delete(request.signedIn.user.id, clientOf(request));
  }

  #token(request) {
    return this.the(PendingLinkCookie).read(request) ?? '';
  }
}

// Decorators by hand: this file is run as it is.
Inject(ModuleRef)(ActsController, undefined, 0);
Controller('acts')(ActsController);
for (const [path, name] of [
  ['confirm-link', 'confirmLink'],
  ['merge', 'merge'],
  ['leave', 'leave'],
]) {
  Req()(ActsController.prototype, name, 0);
  Post(path)(ActsController.prototype, name, Object.getOwnPropertyDescriptor(ActsController.prototype, name));
}

class ActsModule {}
Module({ controllers: [ActsController] })(ActsModule);

export default ActsModule;
