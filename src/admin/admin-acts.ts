import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { AccessError } from '../access/access.errors.js';
import type { Actor } from '../access/client.js';
import { retryConflicts } from '../database/conflicts.js';
import { LOCK_ADMINS, type LockedPerson } from '../users/admins.js';

/**
 * Where every administrator's act takes effect: one transaction, which begins by locking the actor's row. The guard of
 * the route has seen the role as it was; an administrator who was blocked or demoted since then changes nothing more.
 */
@Injectable()
export class AdminActs {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * @param userId the user it is done to, whose row is locked with those of the administrators; the actor, where it is
   *   done to no user
   * @throws AccessError `forbidden`
   */
  async carryOut<Result>(
    actor: Actor,
    userId: string,
    act: (manager: EntityManager) => Promise<Result>,
  ): Promise<Result> {
    return retryConflicts(() =>
      this.dataSource.transaction(async (manager) => {
        const people = await manager.query<LockedPerson[]>(LOCK_ADMINS, [userId]);
        // Somebody else's act on the actor may have come first: of two who block each other one stays, and only one.
        if (!people.some(({ id, isAdmin }) => isAdmin && id === actor.id)) throw AccessError.forbidden();
        return act(manager);
      }),
    );
  }
}
