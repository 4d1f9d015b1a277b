// The floors of the house (CONTRIBUTING.md): a room imports only from floors below its own.
const floors = [
  [
    'errors',
    'cancel',
    'headers',
    'lock',
    'log',
    'json',
    'nearest',
    'read-file',
    'terminal',
    'version',
    'wait',
  ],
  ['pki', 'hooks', 'policy', 'scaffold', 'sessions', 'telemetry', 'workers'],
  ['config'],
  ['wire', 'plugin', 'tls', 'http'],
  ['mcp', 'oauth'],
  ['external', 'plugins', 'listener'],
  ['manager'],
  ['gateway', 'server', 'doctor'],
  ['console'],
  ['testing'],
  ['dev'],
  ['cli'],
];
const pattern = (names) => `^src/(${names.join('|')})(/|\\.ts$)`;

// The errors and what ends a call early import nothing: every other room may import them.
const upward = floors.flatMap((rooms, floor) =>
  rooms.map((room) => ({
    name: `floor-${floor}-${room}`,
    comment: `${room} stands on floor ${floor}: it may import only from the floors below`,
    severity: 'error',
    from: { path: pattern([room]) },
    to: {
      path: pattern(
        floors
          .slice(floor)
          .flat()
          .filter((other) => other !== room && other !== 'errors' && other !== 'cancel'),
      ),
    },
  })),
);

module.exports = {
  forbidden: [
    ...upward,
    {
      name: 'every-file-has-a-room',
      comment: 'a file of src/ belongs to a room of the table above, or is the package entry',
      severity: 'error',
      from: { path: '^src/', pathNot: [pattern(floors.flat()), '^src/index\\.ts$'] },
      to: {},
    },
    { name: 'entry-is-not-imported', severity: 'error', from: {}, to: { path: '^src/index\\.ts$' } },
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-dev-dependency',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only', 'npm-peer'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
    },
  },
};
