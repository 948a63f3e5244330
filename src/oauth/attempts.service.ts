import { Injectable, Logger } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, type EntityManager, IsNull, type Repository } from 'typeorm';
import type { Client } from '../access/client.js';
import { deviceOf } from '../access/device.js';
import { tokenHash } from '../crypto/random-token.js';
import { retryConflicts } from '../database/conflicts.js';
import { type PreparedStatement, runPrepared } from '../database/prepared.js';
import { Announcer } from '../events/announcer.js';
import { OAUTH_FAILED, type OAuthFailed } from './oauth.events.js';
import type { SignInAttempt } from './sign-in-attempt.js';
import { SignInAttemptRecord } from './sign-in-attempt.entity.js';

/** One insert decides, across all processes, who may use an attempt: the second one finds the row. */
const USE_ATTEMPT: PreparedStatement = {
  name: 'use-attempt',
  text: `
    WITH person AS (SELECT id FROM users WHERE id = $7 FOR KEY SHARE)
    INSERT INTO sign_in_attempts (state_hash, provider, intent, started_at, reference, device, user_id)
    SELECT $1::bytea, $2, $3, $4::timestamptz, $5, $6, (SELECT id FROM person)
    ON CONFLICT (state_hash) DO NOTHING
    RETURNING true AS used`,
};

const OUTCOME_OF_USED: PreparedStatement = {
  name: 'outcome-of-used-attempt',
  text: 'SELECT outcome FROM sign_in_attempts WHERE state_hash = $1 AND provider = $2',
};

/** A statement of some tens of milliseconds. */
const BATCH = 1000;

/** Parameters: 1 user, 2 another one or none. */
const MOVE_ATTEMPTS = `
  WITH moved AS (
    UPDATE sign_in_attempts SET user_id = $2::uuid
    WHERE state_hash IN (SELECT state_hash FROM sign_in_attempts WHERE user_id = $1 LIMIT ${BATCH} FOR UPDATE)
    RETURNING 1
  )
  SELECT count(*)::int AS moved FROM moved`;

/**
 * Gives the attempts of a user who goes to the one they are merged into, or to none, before their row is deleted: in
 * batches, so that no statement runs into its time limit.
 */
export async function moveAttempts(manager: EntityManager, userId: string, toUserId: string | null): Promise<void> {
  for (;;) {
    const [row] = await manager.query<{ moved: number }[]>(MOVE_ATTEMPTS, [userId, toUserId]);
    if ((row?.moved ?? 0) < BATCH) return;
  }
}

/** Why an attempt failed; `because` are the reasons of the policy, where it was the policy. */
type AttemptFailure = Pick<OAuthFailed, 'code' | 'step'> & { readonly because?: readonly string[] };

/** Single use of attempts across processes, and the record of each try. */
@Injectable()
export class AttemptsService {
  readonly #logger = new Logger('SignIn');

  constructor(
    private readonly dataSource: DataSource,
    @InjectRepository(SignInAttemptRecord) private readonly records: Repository<SignInAttemptRecord>,
    private readonly announcer: Announcer,
  ) {}

  /** Uses an attempt up. False when it has been used before, also while the first use still runs. */
  async use(attempt: SignInAttempt, { reference, userAgent }: Client): Promise<boolean> {
    const values = [
      tokenHash(attempt.state),
      attempt.provider,
      attempt.intent,
      new Date(attempt.startedAtMs),
      reference,
      deviceOf(userAgent),
      attempt.linksFor?.userId ?? attempt.startedBy ?? null,
    ];
    const rows = await retryConflicts(() => runPrepared(this.dataSource, USE_ATTEMPT, values));
    return rows.length === 1;
  }

  /** What came of an attempt that was used before; undefined when there was none, and no outcome while it is running. */
  async ofState(state: string, provider: string): Promise<Pick<SignInAttemptRecord, 'outcome'> | undefined> {
    const values = [tokenHash(state), provider];
    const [row] = await runPrepared<SignInAttemptRecord>(this.dataSource, OUTCOME_OF_USED, values);
    return row;
  }

  /** Writes down why a used attempt did not end in a sign-in. */
  async recordFailure(attempt: SignInAttempt, failure: AttemptFailure): Promise<void> {
    const { code, step, because } = failure;
    try {
      await this.records.update(
        { stateHash: tokenHash(attempt.state) },
        {
          outcome: 'failed',
          code,
          step,
          finishedAt: new Date(),
          ...(because && { decision: 'refuse', reasons: [...because] }),
        },
      );
    } catch (error) {
      // The person is told why the sign-in failed; that it could not be written down is for the log.
      this.#logger.warn(`The failure ${code} was not recorded: ${(error as Error).name}`);
    }
  }

  /** Writes down whom a failed attempt is known to be of. */
  async recordUser(attempt: SignInAttempt, userId: string): Promise<void> {
    try {
      await this.records.update({ stateHash: tokenHash(attempt.state), userId: IsNull() }, { userId });
    } catch (error) {
      // The user is gone by now, or the database is: the attempt has failed in any case.
      this.#logger.warn(`The user of a failed attempt was not recorded: ${(error as Error).name}`);
    }
  }

  announceFailure(failure: OAuthFailed): void {
    this.announcer.announce(OAUTH_FAILED, failure);
  }
}
