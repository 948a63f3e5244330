import { describe, expect, it } from '@jest/globals';
import { PlainError } from '../config/plain-error.js';
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

  class Staff {
    decide?: () => Verdict;
  }
  type Decorator = (target: object, name: string | symbol, descriptor: PropertyDescriptor | undefined) => void;
  it.each<[string, (hook: Decorator) => void, string]>([
    ['a static method', (hook) => hook(Staff, 'decide', { value: () => allow }), 'Staff.decide'],
    ['a symbol', (hook) => hook(Staff.prototype, Symbol('decide'), { value: () => allow }), 'Staff.Symbol(decide)'],
    ['a property', (hook) => hook(Staff.prototype, 'decide', undefined), 'Staff.decide'],
    ['a property of Babel', (hook) => hook(Staff.prototype, 'decide', { value: null }), 'Staff.decide'],
    ['a getter', (hook) => hook(Staff.prototype, 'decide', { get: () => () => allow }), 'Staff.decide'],
  ])('cannot be on %s, where Nest would never find it', (_, decorate, place) => {
    for (const decorator of [OnOAuthAuthorized(), OnOAuthStarting()]) {
      expect(() => decorate(decorator as Decorator)).toThrow(PlainError);
      expect(() => decorate(decorator as Decorator)).toThrow(`${place} is a hook of oauth.`);
    }
  });
});
