import { Logger } from '@nestjs/common';
import {
  BrokenCircuitError,
  bulkhead,
  BulkheadRejectedError,
  circuitBreaker,
  CircuitState,
  handleWhen,
  SamplingBreaker,
} from 'cockatiel';
import { OAuthError, type Step } from './oauth.errors.js';
import { waitUntil } from './shared-read.js';

/** How many calls of a lane run at the same time, each with a socket of its own. The next ones wait their turn. */
const CALLS_AT_A_TIME = 64;
/** How many may wait. Far more than a provider that answers ever makes wait; it bounds what a dead one can hold. */
const CALLS_WAITING = 2000;

/** A lane opens its breaker when of this many calls … */
const CALLS_THAT_TELL = 20;
const WINDOW_SECONDS = 30;
/** … 80 % failed. The library wants more than the share it is given, and exactly 16 of 20 shall do. */
const FAILED_SHARE = 0.799;
/** How long nobody is called then; the next call after it is the probe. */
const PAUSE_MS = 10_000;
/** Without any call nothing is learned. After this long we stop saying that the provider is down. */
export const REMEMBERED_MS = 60_000;
/** Who gives up sooner says nothing about the provider: it had no time to answer. */
const FAIR_CHANCE_MS = 2000;

/**
 * What fails together. A person whose API calls fail must not close the way in for everybody, and a provider that
 * takes no revocations may well sign people in.
 */
export type LaneKind = 'sign-in' | 'api' | 'revocation';

/**
 * Steps whose requests hold nothing that a visitor or a user brought. Their answers say something about the provider. All
 * other answers can be caused by what a request holds: a junk code that the provider answers with 500, a user who
 * has used up a quota (429). A provider that gives them is there.
 */
const STEPS_OF_OUR_OWN: ReadonlySet<Step> = new Set(['discovery', 'id_token', 'revocation']);

export function laneKindOf(step: Step): LaneKind {
  return step === 'api' || step === 'revocation' ? step : 'sign-in';
}

/** The caller's time ran out before the provider had a fair chance. */
class GivenUp extends OAuthError {
  constructor(step: Step, cause: unknown) {
    super('provider_timeout', step, 'no full answer in time', { cause });
  }
}

/**
 * The calls of one kind to one origin: so many at a time, and for a while none at all when nearly all of them fail
 * (ASVS 16.5.2). A provider that hangs then costs a bounded number of sockets, and soon no waiting either.
 */
export class ProviderLane {
  readonly #logger = new Logger('Providers');
  // Not the `connections` of undici: a call that is given up stays in that queue, and takes a connection to be told.
  readonly #queue = bulkhead(CALLS_AT_A_TIME, CALLS_WAITING);
  readonly #breaker = circuitBreaker(
    handleWhen((error) => this.#isFailure(error)).orWhenResult((outcome) => (outcome as Outcome).isFailure),
    {
      halfOpenAfter: PAUSE_MS,
      breaker: new SamplingBreaker({
        threshold: FAILED_SHARE,
        duration: WINDOW_SECONDS * 1000,
        minimumRps: CALLS_THAT_TELL / WINDOW_SECONDS,
      }),
    },
  );
  #failedAtMs = 0;

  constructor(origin: string, kind: LaneKind) {
    this.#breaker.onBreak(() => {
      const isNews = !this.isDown;
      this.#failedAtMs = Date.now();
      if (isNews) this.#logger.warn({ event: 'provider calls paused: nearly all of them fail', origin, kind });
    });
    this.#breaker.onReset(() => this.#logger.log({ event: 'provider calls resumed', origin, kind }));
  }

  /** Whether the last word on this lane is that it fails. */
  get isDown(): boolean {
    return this.#breaker.state !== CircuitState.Closed && Date.now() - this.#failedAtMs < REMEMBERED_MS;
  }

  /**
   * Calls when it is this call's turn.
   *
   * @param limit ends the call, also while it waits
   * @throws OAuthError `provider_unreachable` at once while the lane is paused, `provider_timeout`, or what `call` throws
   */
  async run<Answer extends { readonly status: number }>(
    step: Step,
    limit: AbortSignal,
    call: () => Promise<Answer>,
  ): Promise<Answer> {
    // The library lets the others wait for the end of a probe. They are told at once, like those before it.
    if (this.#breaker.state === CircuitState.HalfOpen) throw notAvailable(step);
    const begunAt = performance.now();
    try {
      const outcome = await this.#breaker.execute(async (): Promise<Outcome & { answer: Answer }> => {
        try {
          const answer = await waitUntil(limit, this.#queue.execute(this.#unlessLate(limit, call)), step);
          return { answer, isFailure: STEPS_OF_OUR_OWN.has(step) && isFailedStatus(answer.status) };
        } catch (error) {
          if (limit.aborted && performance.now() - begunAt < FAIR_CHANCE_MS) throw new GivenUp(step, error);
          throw error;
        }
      });
      return outcome.answer;
    } catch (error) {
      if (error instanceof BrokenCircuitError) throw notAvailable(step);
      if (error instanceof BulkheadRejectedError) {
        throw new OAuthError('provider_unreachable', step, 'too many calls wait for it');
      }
      throw error;
    }
  }

  /**
   * A call that is given up while it waits takes its turn and does nothing with it. The library's own way, its signal,
   * ends such a call without letting the next one begin.
   */
  #unlessLate<Answer>(limit: AbortSignal, call: () => Promise<Answer>): () => Promise<Answer> {
    return () => {
      limit.throwIfAborted();
      return call();
    };
  }

  /** An answer that we cannot use is an answer: whoever gives it is there. */
  #isFailure(error: Error): boolean {
    if (!(error instanceof OAuthError)) return false;
    // The library closes a lane whose probe ends in something that is no failure. One given up has proven nothing.
    if (error instanceof GivenUp) return this.#breaker.state !== CircuitState.Closed;
    return error.code === 'provider_unreachable' || error.code === 'provider_timeout';
  }
}

/** What a call that was answered says about the provider. */
interface Outcome {
  readonly isFailure: boolean;
}

function isFailedStatus(status: number): boolean {
  return status === 429 || status >= 500;
}

function notAvailable(step: Step): OAuthError {
  return new OAuthError('provider_unreachable', step, 'not available right now');
}
