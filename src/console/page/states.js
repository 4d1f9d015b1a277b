import { plain } from './format.js';

/**
 * @import { CertificateFacts, ConsoleState, Decision, DoctorFinding, PluginFacts, UpstreamFacts } from '../facts.js'
 */

/** @typedef {'ok' | 'busy' | 'off' | 'warning' | 'error'} Mark how something is, each with a shape of its own */

/** @type {Readonly<Record<string, Mark>>} */
const marks = {
  ok: 'ok',
  up: 'ok',
  ready: 'ok',
  connecting: 'busy',
  disabled: 'off',
  warning: 'warning',
  away: 'error',
  unreachable: 'error',
  open: 'error',
  down: 'error',
  error: 'error',
};

/** The mark of a state; of one that is not known here, a warning. @param {string} state @returns {Mark} */
export const markOf = (state) => (Object.hasOwn(marks, state) ? marks[state] : undefined) ?? 'warning';

/** @typedef {Decision['verdict']} Verdict */

/** The verdicts, what somebody looks for first. @type {readonly Verdict[]} */
export const verdicts = [
  'blocked',
  'refused',
  'failed',
  'asked',
  'approved',
  'modified',
  'noted',
  'continue',
];

/** @typedef {{ level: 'warning' | 'error', what: string, name?: string, section: string }} Concern */

/**
 * What wants somebody's attention, errors first.
 * @param {Pick<ConsoleState, 'upstreams' | 'plugins' | 'certificates' | 'doctor' | 'approvals'>} facts
 * @returns {Concern[]}
 */
export function concernsOf({ upstreams, plugins, certificates, doctor, approvals }) {
  const found = [
    ...concernsOfApprovals(approvals?.waiting.length ?? 0),
    ...upstreams.flatMap((one) => concernOfPart('upstream', one)),
    ...plugins.flatMap((one) => concernOfPart('plugin', one)),
    ...certificates.flatMap(concernOfCertificate),
    ...concernsOfDoctor(doctor.findings),
  ];
  return [
    ...found.filter(({ level }) => level === 'error'),
    ...found.filter(({ level }) => level !== 'error'),
  ];
}

/** @param {'upstream' | 'plugin'} part @param {UpstreamFacts | PluginFacts} facts @returns {Concern[]} */
function concernOfPart(part, { name, state }) {
  const mark = markOf(state);
  if (mark !== 'warning' && mark !== 'error') return [];
  return [{ level: mark, what: `The ${part} is ${plain(state, 40)}`, name, section: `${part}s` }];
}

/** @param {CertificateFacts} facts @returns {Concern[]} */
function concernOfCertificate({ level, path, verdict }) {
  return level === 'ok'
    ? []
    : [{ level, what: `Certificate: ${plain(verdict, 40)}`, name: path, section: 'certificates' }];
}

/** @param {number} waiting @returns {Concern[]} */
const concernsOfApprovals = (waiting) =>
  waiting === 0
    ? []
    : [
        {
          level: 'warning',
          what: `${waiting} ${waiting === 1 ? 'call waits' : 'calls wait'} for an approval`,
          section: 'approvals',
        },
      ];

/** @param {readonly DoctorFinding[]} findings @returns {Concern[]} */
function concernsOfDoctor(findings) {
  /** @type {Concern[]} */
  const concerns = [];
  for (const level of /** @type {const} */ (['error', 'warning'])) {
    const n = findings.filter((one) => one.level === level).length;
    if (n > 0)
      concerns.push({ level, what: `Doctor: ${n} ${level}${n === 1 ? '' : 's'}`, section: 'doctor' });
  }
  return concerns;
}
