import { counted, plain, span, time } from './format.js';
import { html } from './html.js';
import { sections, shortcuts } from './keys.js';
import { command, copyButton, mark, name } from './parts.js';

/** @import { ConsoleState } from '../facts.js' */
/** @import { Link } from './link.js' */
/** @import { Scheme } from './scheme.js' */

/** @param {Link} link */
const linkMark = (link) =>
  link.kind === 'over'
    ? mark('error', 'link over')
    : link.kind === 'live'
      ? mark('ok', 'live')
      : link.kind === 'away'
        ? mark('error', 'away')
        : mark('busy', 'connecting');

/**
 * @param {object} header
 * @param {ConsoleState} header.facts
 * @param {Link} header.link
 * @param {number} header.now
 * @param {Scheme} header.scheme
 * @param {() => void} header.onScheme
 * @param {() => void} header.onHelp
 */
export const pageHeader = ({ facts, link, now, scheme, onScheme, onHelp }) =>
  html`<header class="top">
    <p class="mark-of"><img src="assets/icon.svg" alt="" width="20" height="20" /> <b>Sallyport</b> <small>${name(facts.version)}</small></p>
    <p class="address"><code>${name(facts.address)}</code>${copyButton(facts.address, 'the URL of the MCP endpoint')}</p>
    <p class="since">
      ${linkMark(link)}
      <small>up ${span(now - Date.parse(facts.startedAt))}${facts.workers > 1 && `, ${counted(facts.workers, 'worker')}`}</small>
    </p>
    <div class="buttons">
      <button type="button" onClick=${onScheme} aria-label=${`Colours: ${scheme}. Change`}>${scheme}</button>
      <button type="button" onClick=${onHelp} aria-label="Keys">?</button>
    </div>
    <nav aria-label="Parts of this page">
      <ul role="list">${sections.filter(({ id }) => id !== 'approvals' || facts.approvals !== undefined).map(({ id, title }) => html`<li key=${id}><a href=${`#${id}`}>${title}</a></li>`)}</ul>
    </nav>
  </header>`;

const anotherLink =
  'A link serves one browser for twelve hours at most, and ends with the gateway that gave it. Another is printed on the machine of the gateway, to the user that it runs as, by this; opened in this browser, it serves this page too:';

/**
 * What is to be said of the connection, above everything.
 * @param {Link} link @param {ConsoleState} facts @param {number} now @param {() => void} onRetry
 */
export function linkBanner(link, facts, now, onRetry) {
  if (link.kind === 'away') {
    const next = Math.max(0, Math.ceil((link.next - now) / 1000));
    return html`<div class="banner error">
      ${mark('error', html`<b>The gateway does not reply since ${time(link.since)}</b>`)}
      <span>What stands here is of ${time(facts.at)}. ${next > 0 ? `Trying again in ${next} s.` : 'Trying again.'}</span>
      <button type="button" onClick=${onRetry}>Try now</button>
    </div>`;
  }
  if (link.kind === 'over')
    return html`<div class="banner error">
      ${mark('error', html`<b>This link is over</b>`)}
      <span>What stands here is of ${time(facts.at)}. ${anotherLink}</span>
      ${command('sallyport console', 'the command')}
    </div>`;
  if (link.kind === 'live' && link.back) {
    const { awayMs, restarted } = link.back;
    return html`<div class="banner ok">
      ${mark('ok', html`<b>The gateway is back${restarted ? ': it was restarted' : ''}</b>`)}
      <span>This page was without it for ${span(awayMs)}.</span>
    </div>`;
  }
  return null;
}

/** In place of everything, where there are no facts to show. @param {Link} link @param {() => void} onRetry */
export const alone = (link, onRetry) =>
  html`<main class="alone">
    <img src="assets/icon.svg" alt="" width="40" height="40" />
    ${
      link.kind === 'over'
        ? html`<h1>This link is over</h1>
            <p>${anotherLink}</p>
            ${command('sallyport console', 'the command')}
            <p>In a terminal there, the same facts are shown by:</p>
            ${command('sallyport top', 'the command')}`
        : link.kind === 'away'
          ? html`<h1>The gateway does not reply</h1>
              <p>It is tried again by itself.</p>
              <button type="button" onClick=${onRetry}>Try now</button>`
          : html`<h1>Sallyport</h1><p>${mark('busy', 'Asking the gateway')}</p>`
    }
  </main>`;

/** @param {ConsoleState} facts */
export function pageFooter(facts) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return html`<footer>
    <p>Times of day are those of ${plain(zone)}, dates those of UTC. ${facts.approvals === undefined ? 'The page reads only: nothing here changes the gateway, and no payload of a call gets here.' : 'Nothing of calls gets here but what waits for an approval.'} State of ${time(facts.at)}.</p>
  </footer>`;
}

/**
 * The keys, and a switch for them: those who dictate need one.
 * @param {{ keysOn: boolean, onKeys: (on: boolean) => void, onClose: () => void }} help
 */
export const helpDialog = ({ keysOn, onKeys, onClose }) =>
  html`<dialog
    aria-labelledby="help-title"
    ref=${(/** @type {HTMLDialogElement | null} */ dialog) => dialog?.isConnected && !dialog.open && dialog.showModal()}
    onClose=${onClose}
  >
    <h2 id="help-title">Keys</h2>
    <dl class="shortcuts">
      ${[
        ...shortcuts,
        { key: '1 – 9', says: 'Go to a part of this page, from the overview to the configuration' },
        { key: 'a', says: 'Go to the approvals, where there are some' },
        { key: 'Esc', says: 'Leave the search' },
      ].map(({ key, says }) => html`<div key=${key}><dt><kbd>${key}</kbd></dt><dd>${says}</dd></div>`)}
    </dl>
    <label class="switch">
      <input type="checkbox" checked=${keysOn} onChange=${(/** @type {{ currentTarget: HTMLInputElement }} */ e) => onKeys(e.currentTarget.checked)} />
      Keys without Ctrl or Alt do something
    </label>
    <form method="dialog"><button type="submit">Close</button></form>
  </dialog>`;
