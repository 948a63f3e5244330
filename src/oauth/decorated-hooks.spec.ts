import { describe, expect, it } from '@jest/globals';
import { decoratedHooks, hookProblems } from './decorated-hooks.js';
import { allow, OnOAuthAuthorized, OnOAuthStarting, type Verdict } from './oauth.events.js';

const exists = (id: string) => id === 'google';

/** What is said of the hooks of the classes that `declare` makes, when these instances are registered. */
function problemsOf(declare: () => object[]): string[] {
  const before = decoratedHooks().length;
  const instances = declare();
  return hookProblems(decoratedHooks().slice(before), [{}, ...instances], exists);
}

describe('a hook', () => {
  it('that is registered and names a provider that exists is asked', () => {
    const problems = problemsOf(() => {
      class OnlyStaff {
        @OnOAuthAuthorized('google')
        decide(): Verdict {
          return allow;
        }
        @OnOAuthAuthorized()
        decideEverywhere(): Verdict {
          return allow;
        }
        @OnOAuthStarting()
        start(): void {
          // Adds no parameter.
        }
      }
      return [new OnlyStaff()];
    });
    expect(problems).toEqual([]);
  });

  it.each(['OnOAuthAuthorized', 'OnOAuthStarting'])('of %s whose class is not registered is named', (decorator) => {
    const problems = problemsOf(() => {
      class Forgotten {
        @(decorator === 'OnOAuthAuthorized' ? OnOAuthAuthorized() : (OnOAuthStarting() as never))
        decide(): Verdict {
          return allow;
        }
      }
      return [{ unused: Forgotten }];
    });
    expect(problems).toEqual([expect.stringMatching(/^Forgotten\.decide\(\) .* not registered/)]);
  });

  it('that names an unknown provider is named with it', () => {
    const problems = problemsOf(() => {
      class OnlyStaff {
        @OnOAuthAuthorized('gogle')
        @OnOAuthAuthorized('google')
        decide(): Verdict {
          return allow;
        }
        @OnOAuthAuthorized('')
        other(): Verdict {
          return allow;
        }
      }
      return [new OnlyStaff()];
    });
    expect(problems).toEqual([
      'OnlyStaff.decide() names the provider "gogle", which does not exist',
      'OnlyStaff.other() names the provider "", which does not exist',
    ]);
  });

  it('that a subclass overrides without the decorator is named with the subclass', () => {
    const problems = problemsOf(() => {
      class OnlyStaff {
        @OnOAuthAuthorized()
        decide(): Verdict {
          return allow;
        }
      }
      class OnlyAdmins extends OnlyStaff {
        override decide(): Verdict {
          return allow;
        }
      }
      return [new OnlyAdmins()];
    });
    expect(problems).toEqual([expect.stringMatching(/^OnlyAdmins overrides OnlyStaff\.decide\(\)/)]);
  });

  it('can be inherited, and overridden with the decorator', () => {
    const problems = problemsOf(() => {
      abstract class Deciding {
        @OnOAuthAuthorized()
        decide(): Verdict {
          return allow;
        }
        @OnOAuthAuthorized()
        decideAgain(): Verdict {
          return allow;
        }
      }
      class OnlyAdmins extends Deciding {
        @OnOAuthAuthorized('google')
        override decide(): Verdict {
          return allow;
        }
      }
      return [new OnlyAdmins()];
    });
    expect(problems).toEqual([]);
  });

  it('that another decorator replaces, losing what was said of it, is named', () => {
    const wrapped = (_target: object, _name: string, descriptor: TypedPropertyDescriptor<() => Verdict>) => {
      descriptor.value = () => allow;
    };
    const problems = problemsOf(() => {
      class OnlyStaff {
        @wrapped
        @OnOAuthAuthorized()
        decide(): Verdict {
          return allow;
        }
      }
      return [new OnlyStaff()];
    });
    expect(problems).toEqual([expect.stringContaining('OnlyStaff.decide()')]);
  });

  it.each([
    ['a static method', (hook: MethodDecorator) => hook(Function, 'decide', { value: () => allow })],
    ['a symbol', (hook: MethodDecorator) => hook({}, Symbol('decide'), { value: () => allow })],
    ['something that is not a method', (hook: MethodDecorator) => hook({}, 'decide', {})],
  ])('cannot be on %s, where Nest would never find it', (_, decorate) => {
    expect(() => decorate(OnOAuthAuthorized() as MethodDecorator)).toThrow(/A hook of oauth\.authorized is on/);
    expect(() => decorate(OnOAuthStarting() as MethodDecorator)).toThrow(/A hook of oauth\.starting is on/);
  });
});
