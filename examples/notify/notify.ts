import { Injectable, Logger, Module } from '@nestjs/common';
import { OnEvent } from '@nestjs/event-emitter';
import { ACCOUNT_LINKED, ACCOUNT_UNLINKED, type AccountEvent, UsersService } from 'gatehouse';

/** Where letters are handed in: an HTTP service that takes `{ to, subject, text }`. */
const MAIL_URL = process.env.MAIL_URL ?? 'http://localhost:8025/letters';

/** Tells people of ways in that come and go, so that one they did not add does not stay unseen. */
@Injectable()
class Notify {
  readonly #logger = new Logger('Notify');

  constructor(private readonly users: UsersService) {}

  @OnEvent(ACCOUNT_LINKED)
  async linked({ userId, provider }: AccountEvent): Promise<void> {
    await this.#tell(userId, 'A new way into your account', `An account at ${provider} now opens it.`);
  }

  @OnEvent(ACCOUNT_UNLINKED)
  async unlinked({ userId, provider }: AccountEvent): Promise<void> {
    await this.#tell(userId, 'A way into your account is gone', `An account at ${provider} no longer opens it.`);
  }

  async #tell(userId: string, subject: string, text: string): Promise<void> {
    const user = await this.users.findById(userId);
    // An address nobody has checked may be somebody else's.
    if (!user?.email || !user.emailVerified) return;
    const letter = { to: user.email, subject, text: `${text}\nIf that was not you, open your account page.` };
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(MAIL_URL, { method: 'POST', headers, body: JSON.stringify(letter) });
    if (!answer.ok) this.#logger.warn(`The letter to ${userId} was not taken: ${answer.status}`);
  }
}

@Module({ providers: [Notify] })
export default class NotifyModule {}
