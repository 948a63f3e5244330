import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, type Repository } from 'typeorm';
import { v7 as uuidV7 } from 'uuid';
import { UnknownIdError } from '../access/access.errors.js';
import type { Actor } from '../access/client.js';
import { canonicalEmail } from '../config/email-address.js';
import { FieldError } from '../account/account.errors.js';
import { insertEntries } from '../audit/audit-entries.js';
import { retryDecisions } from '../database/conflicts.js';
import { AdminActs } from './admin-acts.js';
import { Invitation } from './invitation.entity.js';
import {
  INVITATIONS,
  invitationConditions,
  type InvitationsQuery,
  type ListedInvitation,
} from './invitations.listing.js';
import { type CountedPage, ListingReader } from './listing.js';

const COLUMNS = `
  id, email, invited_by AS "invitedBy", invited_at AS "invitedAt", used_at AS "usedAt", used_by AS "usedBy",
  withdrawn_at AS "withdrawnAt"`;
const OPEN = 'used_at IS NULL AND withdrawn_at IS NULL';

/**
 * A new invitation and its audit entry, or the one that is open already. No row comes back when a person here has the
 * address, verified, or when somebody else invites them at this moment.
 *
 * Parameters: 1 id, 2 email, 3 actor, 4 ip, 5 reference, 6 canonical email.
 */
const INVITE = `
  WITH made AS (
    INSERT INTO invitations (id, email, email_canonical, invited_by)
    SELECT $1::uuid, $2::text, $6::text, $3::uuid
    WHERE NOT EXISTS (SELECT FROM users WHERE email_verified AND email_canonical = $6)
    ON CONFLICT DO NOTHING
    RETURNING *
  ),
  audit AS (${insertEntries({
    actor: '$3',
    user: 'NULL',
    action: `'invitation.created'`,
    target: `'invitation:' || id`,
    ip: '$4',
    reference: '$5',
    from: 'made',
  })}
  )
  SELECT ${COLUMNS} FROM made
  UNION ALL
  SELECT ${COLUMNS} FROM invitations WHERE email_canonical = $6 AND ${OPEN}`;

/** Parameters: 1 id, 2 actor, 3 ip, 4 reference. */
const WITHDRAW = `
  WITH withdrawn AS (UPDATE invitations SET withdrawn_at = now() WHERE id = $1 AND ${OPEN} RETURNING id),
  audit AS (${insertEntries({
    actor: '$2',
    user: 'NULL',
    action: `'invitation.withdrawn'`,
    target: `'invitation:' || id`,
    ip: '$3',
    reference: '$4',
    from: 'withdrawn',
  })}
  )
  SELECT id FROM withdrawn`;

const TAKEN = 'SELECT FROM users WHERE email_verified AND email_canonical = $1';

/** Who may come. A registration uses an invitation in its own statement, in auth/sign-in.statements. */
@Injectable()
export class InvitationsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly acts: AdminActs,
    @InjectRepository(Invitation) private readonly invitations: Repository<Invitation>,
    private readonly listings: ListingReader,
  ) {}

  /** A page of them, and how many there are. @throws ValidationFailedError */
  async page(query: InvitationsQuery): Promise<CountedPage<ListedInvitation>> {
    return this.listings.countedPage(INVITATIONS, { ...query, conditions: invitationConditions(query) });
  }

  /**
   * Invites whoever has this address. Nobody is written to. Where an invitation for it is open, that one is the answer.
   *
   * @throws FieldError when it is the verified address of a person here
   */
  async invite(email: string, actor: Actor): Promise<Invitation> {
    const { id: actorId, client } = actor;
    const canonical = canonicalEmail(email);
    return retryDecisions(async () => {
      const values = [uuidV7(), email, actorId, client.ip, client.reference, canonical];
      const [invitation] = await this.acts.carryOut(actor, actorId, (manager) =>
        manager.query<Invitation[]>(INVITE, values),
      );
      if (!invitation && (await this.dataSource.query<unknown[]>(TAKEN, [canonical])).length > 0) throw here();
      return invitation;
    }, invitedInOtherCapitals);
  }

  /** Takes back an open one; one that is withdrawn already stays so. @throws UnknownIdError also for one that was used */
  async withdraw(id: string, actor: Actor): Promise<void> {
    const { id: actorId, client } = actor;
    const withdrawn = await this.acts.carryOut(actor, actorId, (manager) =>
      manager.query<unknown[]>(WITHDRAW, [id, actorId, client.ip, client.reference]),
    );
    if (withdrawn.length > 0) return;
    const invitation = await this.invitations.findOneBy({ id });
    if (!invitation?.withdrawnAt) throw new UnknownIdError();
  }
}

/** The previous release took other capitals than A to Z for the same letter, and its index of open ones still does. */
function invitedInOtherCapitals(): FieldError {
  return new FieldError('email', 'is invited in other capitals', 'An invitation for this address in other capitals is open.'); // prettier-ignore
}

function here(): FieldError {
  return new FieldError('email', 'is of somebody here', 'Somebody with this verified address is here already.');
}
