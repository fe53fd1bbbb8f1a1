// What `make lint` checks in extensions/ and in the Hub's script, besides prettier's form and the compiler's strictness.
import js from '@eslint/js';
import a11y from 'eslint-plugin-jsx-a11y';
import hooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  {
    ignores: [
      '**/lib/',
      'extensions/jupyterlab/share/',
      'extensions/jupyterlab/style/index.js',
      '**/node_modules/',
      'extensions/ui/src/api/schema.ts',
    ],
  },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  a11y.flatConfigs.recommended,
  {
    plugins: { 'react-hooks': hooks },
    languageOptions: {
      parserOptions: {
        project: ['extensions/*/tsconfig.json', 'extensions/*/tsconfig.test.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      'react-hooks/rules-of-hooks': 'error',
      'react-hooks/exhaustive-deps': 'error',
    },
  },
  {
    // The script of the Hub's pages is handed out as it is written.
    files: ['hub/**/*.js'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: {
      parserOptions: { project: null },
      globals: Object.fromEntries(
        [
          'document',
          'window',
          'fetch',
          'AbortController',
          'AbortSignal',
          'setTimeout',
          'clearTimeout',
          'setInterval',
        ].map((name) => [name, 'readonly']),
      ),
    },
    rules: { '@typescript-eslint/explicit-module-boundary-types': 'off' },
  },
);
