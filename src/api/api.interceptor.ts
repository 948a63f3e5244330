import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request } from 'express';
import { map, type Observable } from 'rxjs';
import { API_ROUTE, type ApiRouteFacts } from './api-route.js';
import { inputsOf, type RouteInput } from './route-inputs.js';
import { UNKNOWN_KEY, ValidationFailedError } from './validation-failed.error.js';

/** What a handler of the API takes and gives. */
interface Contract {
  readonly inputs: readonly RouteInput[];
  readonly answer: ApiRouteFacts['answer'];
}

/**
 * The two ends of an `@ApiRoute`: what no decorator asks for is refused before the handler is called, and what
 * the schema of the answer does not have stays here, whatever the handler has given.
 */
@Injectable()
export class ApiInterceptor implements NestInterceptor {
  /** By handler: decorators do not change. Nothing for pages, and for routes of extensions that do not say it. */
  readonly #contracts = new Map<unknown, Contract | undefined>();

  constructor(private readonly reflector: Reflector) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const contract = this.#contractOf(context);
    if (!contract) return next.handle();
    const { inputs, answer } = contract;
    refuseUnasked(context.switchToHttp().getRequest<Request>(), inputs);
    return answer === undefined ? next.handle() : next.handle().pipe(map((given) => answer.parse(given)));
  }

  #contractOf(context: ExecutionContext): Contract | undefined {
    const handler = context.getHandler();
    if (this.#contracts.has(handler)) return this.#contracts.get(handler);
    const facts = this.reflector.get<ApiRouteFacts | undefined>(API_ROUTE, handler);
    const contract = facts && { inputs: inputsOf(context.getClass(), handler.name), answer: facts.answer };
    this.#contracts.set(handler, contract);
    return contract;
  }
}

function refuseUnasked({ query, body }: Request, inputs: readonly RouteInput[]): void {
  const keys = [...unasked('query', query, inputs), ...unasked('body', body, inputs)];
  if (keys.length > 0) throw new ValidationFailedError(keys.map((key) => ({ message: UNKNOWN_KEY, path: [key] })));
}

/** Keys of a part that nobody takes. Where the whole part is taken, its schema decides. */
function unasked(part: RouteInput['part'], given: unknown, inputs: readonly RouteInput[]): string[] {
  const asked = inputs.filter((input) => input.part === part);
  if (given === undefined || asked.some(({ field }) => field === undefined)) return [];
  return Object.keys(given as object).filter((key) => !asked.some(({ field }) => field === key));
}
