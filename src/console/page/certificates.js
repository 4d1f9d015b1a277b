import { day } from './format.js';
import { html } from './html.js';
import { goneOf, leftOf } from './life.js';
import { command, empty, mark, name, section } from './parts.js';

/** @import { CertificateFacts } from '../facts.js' */

/** @param {CertificateFacts} one @param {number} now */
function certificate(one, now) {
  const { path, subject, role, notBefore, notAfter, verdict, level, remedy } = one;
  const gone = goneOf(one, now) * 100;
  const left = leftOf(notAfter, now);
  const label = `${left}; ${Math.round(gone)} % of its life is over`;
  return html`<li key=${path} class=${level}>
    <p class="of"><b>${name(subject)}</b> <small>${name(role)}</small></p>
    <p class="left">${mark(level, name(verdict))} <b>${left}</b></p>
    <svg class="life" role="img" aria-label=${label}>
      <rect class="track" width="100%" height="100%" rx="3" />
      <rect class="rest" x=${`${gone}%`} width=${`${100 - gone}%`} height="100%" rx="3" />
      <rect class="today" x=${`${gone}%`} width="2" height="100%" />
    </svg>
    <p class="dates"><span>${day(notBefore)}</span><small class="path">${name(path)}</small><span>${day(notAfter)}</span></p>
    ${remedy !== undefined && command(remedy, 'the remedy for this certificate')}
  </li>`;
}

/** @param {readonly CertificateFacts[]} certificates @param {number} now */
export const certificatesSection = (certificates, now) =>
  section({
    id: 'certificates',
    title: 'Certificates',
    note: certificates.length === 0 ? undefined : 'the first to end first',
    body:
      certificates.length === 0
        ? empty('No certificates in use: neither this gateway nor its plugins are set up for TLS.')
        : html`<ul class="certificates" role="list">
            ${[...certificates].sort((a, b) => Date.parse(a.notAfter) - Date.parse(b.notAfter)).map((one) => certificate(one, now))}
          </ul>`,
  });
