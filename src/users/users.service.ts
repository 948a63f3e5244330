import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { EntityManager, Repository } from 'typeorm';
import { User } from './user.entity.js';
import { LastAdminError } from './users.errors.js';

/** Of a person who waited for a lock the row as it is then: somebody who is no admin any more does not count. */
const LOCK_ADMINS = `
  SELECT id, role = 'admin' AND blocked_at IS NULL AS "isAdmin" FROM users
  WHERE id = $1 OR (role = 'admin' AND blocked_at IS NULL) ORDER BY id FOR UPDATE`;

/** People: what they say of themselves, and who may not go. */
@Injectable()
export class UsersService {
  constructor(@InjectRepository(User) private readonly users: Repository<User>) {}

  async findById(id: string): Promise<User | null> {
    return this.users.findOneBy({ id });
  }

  /** @param name 1 to 255 characters, without control characters; the caller has checked it */
  async rename(id: string, name: string): Promise<void> {
    await this.users.update({ id }, { name });
  }

  /**
   * Makes sure that somebody else can run this place once `userId` cannot. Call it in the transaction of the act that
   * takes the role, blocks or deletes; their row and every admin's is locked until it ends, so that two cannot go at once.
   * All in the order of their ids, as a merge locks two people: nobody waits for somebody who waits for them.
   *
   * @throws LastAdminError
   */
  async refuseLastAdmin(manager: EntityManager, userId: string): Promise<void> {
    const people = await manager.query<{ id: string; isAdmin: boolean }[]>(LOCK_ADMINS, [userId]);
    const admins = people.filter(({ isAdmin }) => isAdmin);
    if (admins.length === 1 && admins[0]?.id === userId) throw new LastAdminError();
  }
}
