import eslint from '@eslint/js';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';
import { ownProperties } from './scripts/lint/own-properties.js';

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', '.data/', 'examples/*/dist/'] },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Nest modules are classes that carry only a decorator.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      // Options of libraries are classes to their authors and plain objects to everybody who passes them.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      eqeqeq: 'error',
    },
  },
  {
    files: ['src/**/*.ts', 'examples/**/*.ts'],
    ignores: ['src/**/*.spec.ts', 'src/database/connections.ts'],
    rules: {
      // A connection that nothing guards ends the process when it is lost, and one that is not returned is lost to all.
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          paths: [
            {
              name: 'pg',
              importNames: ['default', 'Client', 'Pool', 'native'],
              allowTypeImports: true,
              message: 'Use src/database/connections.ts.',
            },
          ],
        },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'CallExpression[callee.property.name=/^(connect|createQueryRunner|obtainMasterConnection)$/]',
          message: 'Use DatabasePool.withClient of src/database/connections.ts, or a transaction of TypeORM.',
        },
      ],
    },
  },
  {
    files: ['src/**/*.ts'],
    // The rest reads names of the operator's settings, of our own code and of fixtures.
    ignores: ['src/text/own.ts', 'src/**/*.spec.ts', 'src/{config,cli,conformance}/**', 'src/web/api-document.ts'],
    plugins: { gatehouse: { rules: { 'own-properties': ownProperties } } },
    rules: { 'gatehouse/own-properties': 'error' },
  },
  {
    files: ['**/*.js'],
    languageOptions: {
      globals: { process: 'readonly', console: 'readonly', URL: 'readonly', setTimeout: 'readonly' },
    },
  },
  {
    files: ['test/**/*.ts', 'src/**/*.spec.ts', 'bench/**/*.ts'],
    rules: {
      // supertest answers and parsed JSON are `any`; a test may read them as they are.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  prettier,
);
