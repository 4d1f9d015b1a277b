import { counted, partsOf } from './format.js';
import { html } from './html.js';
import { copyButton, section } from './parts.js';

const yamlLine = /^(\s*(?:- )*)([^\s#:][^:]*)(:)(.*)$/;

/** A line of YAML with its key told apart. @param {string} line */
function drawn(line) {
  if (/^\s*#/.test(line)) return html`<span class="comment">${seen(line)}</span>${'\n'}`;
  const [, indent = '', key = '', colon = '', rest = ''] = yamlLine.exec(line) ?? [];
  return key === ''
    ? html`${seen(line)}${'\n'}`
    : html`${indent}<span class="key">${seen(key)}</span>${colon}${seen(rest)}${'\n'}`;
}

/** @param {string} text */
const seen = (text) =>
  partsOf(text).map((part) => (part.unseen ? html`<span class="unseen">${part.text}</span>` : part.text));

/**
 * What is in force, which is more than the file says: defaults and variables are in it.
 * @param {string} yaml @param {boolean} open @param {(open: boolean) => void} onOpen
 */
export const configurationSection = (yaml, open, onOpen) =>
  section({
    id: 'configuration',
    title: 'Configuration',
    note: 'in force; secrets are hidden',
    body: html`<details
      open=${open}
      onToggle=${(/** @type {{ currentTarget: HTMLDetailsElement }} */ e) => onOpen(e.currentTarget.open)}
    >
      <summary>${counted(yaml.trimEnd().split('\n').length, 'line')} of YAML</summary>
      ${
        open &&
        html`<div class="snippet">
          <pre tabindex="0" role="region" aria-label="Configuration in force">${yaml.trimEnd().split('\n').map(drawn)}</pre>
          ${copyButton(yaml, 'the configuration')}
        </div>`
      }
    </details>`,
  });
