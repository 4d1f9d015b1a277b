/** Where somebody can go, and by which key. */
export const sections = [
  { key: '1', id: 'overview', title: 'Overview' },
  { key: '2', id: 'traffic', title: 'Traffic' },
  { key: '3', id: 'upstreams', title: 'Upstreams' },
  { key: '4', id: 'plugins', title: 'Plugins' },
  { key: '5', id: 'decisions', title: 'Decisions' },
  { key: '6', id: 'certificates', title: 'Certificates' },
  { key: '7', id: 'doctor', title: 'Doctor' },
  { key: '8', id: 'clients', title: 'Clients' },
  { key: '9', id: 'configuration', title: 'Configuration' },
  { key: 'a', id: 'approvals', title: 'Approvals' },
];

/** What the other keys do. */
export const shortcuts = /** @type {const} */ ([
  { key: '/', does: 'search', says: 'Search the decisions' },
  { key: 'p', does: 'pause', says: 'Pause the decisions, and go on' },
  { key: 'b', does: 'blocked', says: 'Show blocked decisions alone, and all again' },
  { key: 't', does: 'scheme', says: 'Change between the scheme of the system, dark and light' },
  { key: '?', does: 'help', says: 'Show these keys' },
]);

/** @typedef {(typeof shortcuts)[number]['does']} Shortcut */

/** Whether somebody is typing there. @param {EventTarget | null} target */
const isTyping = (target) =>
  target instanceof HTMLInputElement ||
  target instanceof HTMLSelectElement ||
  target instanceof HTMLTextAreaElement;

/**
 * Does what a key says, unless keys are off, somebody types, or the browser has a use for it.
 * @param {{ isOn: () => boolean, go: (section: string) => void, run: (shortcut: Shortcut) => void, leave: () => void }} actions
 */
export function listenToKeys({ isOn, go, run, leave }) {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === 'Escape' && event.target instanceof HTMLInputElement) return leave();
    if (!isOn() || isTyping(event.target) || document.querySelector('dialog[open]')) return;
    const section = sections.find(({ key }) => key === event.key);
    const shortcut = shortcuts.find(({ key }) => key === event.key);
    if (section === undefined && shortcut === undefined) return;
    event.preventDefault();
    if (section) go(section.id);
    if (shortcut) run(shortcut.does);
  });
}
