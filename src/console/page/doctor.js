import { ago } from './format.js';
import { html } from './html.js';
import { command, empty, mark, section, sentence } from './parts.js';

/** @import { DoctorFacts, DoctorFinding } from '../facts.js' */

/** A title says how it should be. */
const words = { error: 'failed', warning: 'warning', ok: 'ok' };
const ranks = { error: 0, warning: 1, ok: 2 };

/** @param {DoctorFinding} finding */
const findingItem = ({ level, title, detail, remedy }) =>
  html`<li class=${level}>
    <p>${mark(level, words[level])} <b>${sentence(title)}</b></p>
    ${detail !== undefined && html`<p class="detail">${sentence(detail)}</p>`}
    ${remedy !== undefined && command(remedy, 'the remedy for this finding')}
  </li>`;

/** @param {DoctorFacts} doctor @param {number} now */
export function doctorSection({ at, running, findings }, now) {
  const wrong = findings
    .filter(({ level }) => level !== 'ok')
    .sort((a, b) => ranks[a.level] - ranks[b.level]);
  const good = findings.filter(({ level }) => level === 'ok');
  const looked = at === null ? 'not looked yet' : `looked ${ago(at, now)}`;
  return section({
    id: 'doctor',
    title: 'Doctor',
    note: running ? mark('busy', 'looking') : looked,
    body: html`
      ${findings.length === 0 && empty(running ? 'It is looking for the first time.' : 'It has not looked yet.')}
      ${wrong.length === 0 && good.length > 0 && html`<p class="calm">${mark('ok', 'Found nothing wrong')}</p>`}
      <ul class="findings" role="list">${wrong.map(findingItem)}</ul>
      ${
        good.length > 0 &&
        html`<details><summary>What is well: ${good.length}</summary><ul class="findings" role="list">${good.map(findingItem)}</ul></details>`
      }
    `,
  });
}
