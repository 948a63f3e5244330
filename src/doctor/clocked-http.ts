import { ProviderHttp, type ProviderRequest, type RawAnswer } from '../oauth/provider-http.js';

/** Between what times the other side's clock stood, and between what times ours did. In milliseconds. */
interface Reading {
  readonly isFresh: boolean;
  readonly aheadMs: number;
}

/** The house's way to providers, with an ear for what time it is there. */
export class ClockedHttp extends ProviderHttp {
  #reading: Reading | undefined;

  /** How far the provider's clock is ahead of ours, as far as its answers prove; undefined while none told a time. */
  get aheadMs(): number | undefined {
    return this.#reading?.aheadMs;
  }

  override async sendRaw(address: string, request: ProviderRequest): Promise<RawAnswer> {
    const sentAtMs = Date.now();
    const answer = await super.sendRaw(address, request);
    this.#read(answer, request.method !== 'GET', sentAtMs, Date.now());
    return answer;
  }

  /** @param isFresh nobody in between answers a POST from a store, so its time is the provider's own */
  #read({ headers }: RawAnswer, isFresh: boolean, sentAtMs: number, receivedAtMs: number): void {
    const { date, age = '0' } = headers;
    if (typeof date !== 'string' || typeof age !== 'string' || (this.#reading?.isFresh && !isFresh)) return;
    // RFC 9110 §6.6.1 tells whole seconds; RFC 9111 §5.1: a stored answer is that many seconds older than its date.
    const earliestMs = Date.parse(date) + Number(age) * 1000;
    if (Number.isNaN(earliestMs)) return;
    this.#reading = { isFresh, aheadMs: apart(earliestMs, earliestMs + 1000, sentAtMs, receivedAtMs) };
  }
}

/** How far the span from `start` to `end` lies after the other one; negative before it; 0 where they meet. */
function apart(start: number, end: number, otherStart: number, otherEnd: number): number {
  if (start > otherEnd) return start - otherEnd;
  return end < otherStart ? end - otherStart : 0;
}
