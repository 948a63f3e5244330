import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { EntityManager, Repository } from 'typeorm';
import { isLastAdmin, LOCK_ADMINS, type LockedPerson } from './admins.js';
import { User } from './user.entity.js';
import { LastAdminError } from './users.errors.js';

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
   *
   * @throws LastAdminError
   */
  async refuseLastAdmin(manager: EntityManager, userId: string): Promise<void> {
    const people = await manager.query<LockedPerson[]>(LOCK_ADMINS, [userId]);
    if (isLastAdmin(people, userId)) throw new LastAdminError();
  }
}
