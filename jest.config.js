/**
 * Four kinds of test, one runner. Unit specs stand beside the code in src/, whole journeys in test/, the example of a
 * provider package brings its own.
 * One real Postgres serves a whole run (test/support/global-setup.ts); every file gets a database of its own.
 */
/**
 * Journeys through several processes of Gatehouse at once, where people get in "at once" or a limit of time is part of
 * what is true: they have the machine for themselves, see scripts/test.js.
 */
const ALONE = 'test/(crashes|races|refresh|linking-races|provider-faults|conformance)\\.e2e-spec\\.ts$';

const shared = {
  testEnvironment: 'node',
  setupFiles: ['reflect-metadata'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    '^gatehouse$': '<rootDir>/src/gatehouse.ts',
    '^gatehouse/conformance$': '<rootDir>/src/conformance/check-provider.ts',
  },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        swcrc: false,
        sourceMaps: 'inline',
        module: { type: 'es6' },
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          keepClassNames: true,
        },
      },
    ],
  },
};

export default {
  projects: [
    { ...shared, displayName: 'unit', testRegex: 'src/.*\\.spec\\.ts$' },
    { ...shared, displayName: 'journeys', testRegex: 'test/.*\\.e2e-spec\\.ts$', testPathIgnorePatterns: [ALONE] },
    { ...shared, displayName: 'alone', testRegex: ALONE },
    { ...shared, displayName: 'house', testRegex: 'test/.*\\.spec\\.ts$' },
    { ...shared, displayName: 'examples', testRegex: 'examples/.*\\.spec\\.ts$' },
  ],
  globalSetup: '<rootDir>/test/support/global-setup.js',
  globalTeardown: '<rootDir>/test/support/global-teardown.js',
  testTimeout: 30_000,
  maxWorkers: 2,
};
