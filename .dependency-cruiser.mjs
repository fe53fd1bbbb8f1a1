// The import rules of extensions/, part of `npm run lint`: no cycles, layers that import only downwards, and shells that
// use @outrider/ui only through its public entry points.

const UI = '^extensions/ui/src';
const VIEWS = '(log|charts|artifacts|submit)';
/** The files behind the `exports` of extensions/ui/package.json. */
const PUBLIC = '^extensions/ui/(lib/(index|api/transport|submit/submission)[.]|style/)';

const error = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

export default {
  forbidden: [
    error(
      'no-cycles',
      'Modules in a cycle cannot be read, tested or loaded on their own.',
      {},
      { circular: true },
    ),
    error(
      'no-unresolved',
      'An import that does not resolve would escape the other rules.',
      { path: '^extensions/[a-z]+/src' },
      { couldNotResolve: true, pathNot: ['^@outrider/ui', '[.]css$'] },
    ),
    error('api-is-lowest', 'jobs → views → shared → api', { path: `${UI}/api/` }, { path: `${UI}/(?!api/)` }),
    error(
      'shared-below-views',
      'jobs → views → shared → api',
      { path: `${UI}/shared/` },
      { path: `${UI}/(?!(shared|api)/)` },
    ),
    error(
      'views-are-independent',
      `Of ${VIEWS}, none imports another, nor anything above.`,
      { path: `${UI}/${VIEWS}/` },
      { path: `${UI}/(?!(shared|api)/)`, pathNot: `${UI}/$1/` },
    ),
    error(
      'index-is-for-shells',
      'The package itself imports its modules directly.',
      { path: UI },
      { path: `${UI}/index[.]ts$` },
    ),
    error(
      'ui-knows-no-shell',
      'The components run in every shell.',
      { path: UI },
      { path: ['^extensions/(portal|jupyterlab)/', 'node_modules/(@jupyterlab|@lumino|wouter)/'] },
    ),
    error(
      'shells-use-the-public-ui',
      'Shells import @outrider/ui and its subpaths, and never each other.',
      { path: '^extensions/(portal|jupyterlab)/' },
      { path: '^extensions/', pathNot: ['^extensions/$1/', PUBLIC] },
    ),
  ],
  options: {
    doNotFollow: { path: ['node_modules', '^extensions/ui/lib'] },
    exclude: { path: '[.]test[.]tsx?$' },
    // Types count: a module that needs another's types depends on it.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['types', 'import', 'default'] },
  },
};
