import { ConfigInvalid, VariableDisagrees } from '../../errors.js';
import { check, fail, ok, skipped, warn } from '../check.js';

/** Warnings that checks of their own are about. */
const verification = ['SALLY_CONFIG_VERIFY_OFF', 'SALLY_CONFIG_HOSTNAME_CHECK_OFF'];

export const configurationChecks = [
  check({
    id: 'config-valid',
    group: 'configuration',
    title: 'the file is whole and valid',
    about: 'config',
    codes: ['SALLY_CONFIG_INVALID', 'SALLY_CONFIG_TLS_INCOMPLETE', 'SALLY_CONFIG_TLS_UNDECIDED'],
    guide: ['configuration validation: fail fast', 'certificate paths are correct'],
    stage: 'setting',
    explains: 'all',
    look({ problem, config }) {
      if (!problem) return [ok(`plugins: ${config?.plugins.map(({ name }) => name).join(', ') || 'none'}`)];
      const [first] = ConfigInvalid.is(problem) ? problem.context.problems : [];
      const { code, remedy } = first ?? problem;
      return [fail({ code, message: problem.message, remedy })];
    },
  }),
  check({
    id: 'variables-agree',
    group: 'configuration',
    title: 'no variable says otherwise than the file',
    about: 'config',
    codes: ['SALLY_DOCTOR_VARIABLE'],
    stage: 'setting',
    explains: 'all',
    look({ overrides, config }) {
      if (!config) return [skipped('the file is not valid')];
      if (overrides.length === 0) return [ok('none that differs is set')];
      return overrides.map(({ harm, ...override }) => {
        const problem = VariableDisagrees({ ...override, effect: harm ?? '' });
        const seen = `${override.variable} (${override.says}) wins over ${override.file}`;
        return harm === undefined ? warn(problem, seen) : fail(problem, seen);
      });
    },
  }),
  check({
    id: 'verification-on',
    group: 'configuration',
    title: 'servers are verified, and their names checked',
    about: 'config',
    codes: verification,
    guide: ['certificate verification on', 'host name verification on'],
    stage: 'setting',
    look({ config, side }) {
      if (!config || side === 'server') return [skipped('only a gateway verifies servers')];
      const found = config.warnings.filter(({ code }) => verification.includes(code));
      return found.length > 0
        ? found.map((warning) => warn(warning))
        : [ok('verify and check_hostname are on')];
    },
  }),
  check({
    id: 'config-remarks',
    group: 'configuration',
    title: 'nothing in it deserves a second look',
    about: 'config',
    codes: [
      'SALLY_CONFIG_TLS_TURNED_OFF',
      'SALLY_CONFIG_NO_CLIENT_CERTIFICATE',
      'SALLY_CONFIG_PLAIN_HTTP',
      'SALLY_CONFIG_MTLS_VARIABLES_UNUSED',
      'SALLY_CONFIG_UNKNOWN_VARIABLE',
    ],
    guide: ['no plain HTTP in production'],
    stage: 'setting',
    look({ config }) {
      if (!config) return [skipped('the file is not valid')];
      const found = config.warnings.filter(({ code }) => !verification.includes(code));
      return found.length > 0 ? found.map((warning) => warn(warning)) : [ok('no warnings')];
    },
  }),
];
