import type { EntityManager } from 'typeorm';
import { User } from './user.entity.js';

/**
 * Ends the links of a user that were begun, or await confirmation, in the transaction of the act that must not be
 * undone by them. A counter and not a time: the clocks of the application and of the database differ.
 */
export async function voidLinks(manager: EntityManager, userId: string): Promise<void> {
  await manager.update(
    User,
    { id: userId },
    { linksVoidedAt: () => 'clock_timestamp()', linksVersion: () => 'links_version + 1' },
  );
}
