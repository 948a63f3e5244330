import { describe, expect, it } from '@jest/globals';
import { Body, createParamDecorator, Param, Query } from '@nestjs/common';
import { inputsOf } from './route-inputs.js';

describe('the inputs of a route', () => {
  it('are its body, query and parameters', () => {
    class Routes {
      change(...given: unknown[]): unknown[] {
        return given;
      }
    }
    Param('id')(Routes.prototype, 'change', 0);
    Body()(Routes.prototype, 'change', 1);
    Query()(Routes.prototype, 'change', 2);
    const inputs = inputsOf(Routes, 'change').map(({ part, field }) => [part, field]);
    expect(inputs.sort()).toEqual([['body', undefined], ['param', 'id'], ['query', undefined]]); // prettier-ignore
  });

  it('are not what decorators of our own put in, whatever Nest calls those', () => {
    class Routes {
      act(...given: unknown[]): unknown[] {
        return given;
      }
    }
    // Nest draws their names, and one in sixteen begins like a body's.
    for (let index = 0; index < 300; index++) createParamDecorator(() => index)()(Routes.prototype, 'act', index);
    expect(inputsOf(Routes, 'act')).toEqual([]);
  });
});
