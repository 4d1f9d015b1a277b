import { approvalsSection } from './approvals.js';
import { certificatesSection } from './certificates.js';
import { clientsSection } from './clients.js';
import { configurationSection } from './configuration.js';
import { added, emptyLog, noFilter, paused, resumed } from './decisions.js';
import { doctorSection } from './doctor.js';
import { plain } from './format.js';
import { alone, helpDialog, linkBanner, pageFooter, pageHeader } from './frame.js';
import { html } from './html.js';
import { listenToKeys } from './keys.js';
import { openLink } from './link.js';
import { overview, titleOf } from './overview.js';
import { pluginsSection } from './plugins.js';
import { render } from './preact.js';
import { chooseScheme, chosenScheme, nextScheme, onSystemScheme, seenScheme } from './scheme.js';
import { concernsOf } from './states.js';
import { streamSection } from './stream.js';
import { trafficPlots } from './traffic-plots.js';
import { upstreamsSection } from './upstreams.js';

/** @import { ConsoleState } from '../facts.js' */
/** @import { DecisionLog, Filter } from './decisions.js' */
/** @import { Link } from './link.js' */
/** @import { Scheme } from './scheme.js' */

/**
 * All that the page knows. It is changed by `set` alone, and drawn from this.
 * @typedef {object} View
 * @property {Link} link
 * @property {ConsoleState | undefined} facts
 * @property {DecisionLog} log
 * @property {Filter} filter
 * @property {Scheme} scheme
 * @property {boolean} keysOn
 * @property {boolean} help
 * @property {boolean} values whether the values of the plots are shown
 * @property {boolean} configuration whether it is shown
 * @property {string} said what a screen reader is told
 */

/** @type {View} */
let view = {
  link: { kind: 'first' },
  facts: undefined,
  log: emptyLog,
  filter: noFilter,
  scheme: chosenScheme(),
  keysOn: localStorage.getItem('sallyport.keys') !== 'off',
  help: false,
  values: false,
  configuration: false,
  said: '',
};

const root = /** @type {HTMLElement} */ (document.getElementById('page'));
let drawing = false;

/** @param {Partial<View>} change */
function set(change) {
  view = { ...view, ...change };
  if (drawing) return;
  drawing = true;
  queueMicrotask(() => {
    drawing = false;
    draw();
  });
}

const actions = {
  /** @param {Filter} filter */
  setFilter: (filter) => set({ filter }),
  togglePause: () => set({ log: view.log.paused ? resumed(view.log) : paused(view.log) }),
  changeScheme() {
    const scheme = nextScheme(view.scheme);
    chooseScheme(scheme);
    set({ scheme });
  },
  /** @param {boolean} on */
  setKeys(on) {
    localStorage.setItem('sallyport.keys', on ? 'on' : 'off');
    set({ keysOn: on });
  },
};

function draw() {
  const { facts, link } = view;
  const now = Date.now();
  if (facts === undefined) {
    document.title = link.kind === 'over' ? 'Sallyport: this link is over' : 'Sallyport';
    return render(html`${alone(link, server.ask)}${spoken()}`, root);
  }
  document.title = titleOf(facts);
  render(
    html`
      <a class="skip" href="#overview">Skip to the overview</a>
      ${pageHeader({
        facts,
        link,
        now,
        scheme: view.scheme,
        onScheme: actions.changeScheme,
        onHelp: () => set({ help: true }),
      })}
      <main class=${link.kind === 'away' || link.kind === 'over' ? 'stale' : ''}>
        <h1 class="hidden">Sallyport gateway</h1>
        ${linkBanner(link, facts, now, server.ask)}
        ${overview(facts)}
        ${facts.approvals !== undefined && approvalsSection(facts.approvals, now)}
        ${trafficPlots(facts, seenScheme(view.scheme), view.values, (values) => set({ values }))}
        <div class="pair">${upstreamsSection(facts.upstreams, now)}${pluginsSection(facts.plugins)}</div>
        ${streamSection(view.log, view.filter, actions)}
        <div class="pair">
          <div class="pile">${certificatesSection(facts.certificates, now)}${doctorSection(facts.doctor, now)}</div>
          <div class="pile">
            ${clientsSection(facts.clients, facts.address, now)}
            ${configurationSection(facts.configuration, view.configuration, (configuration) => set({ configuration }))}
          </div>
        </div>
      </main>
      ${pageFooter(facts)}
      ${view.help && helpDialog({ keysOn: view.keysOn, onKeys: actions.setKeys, onClose: () => set({ help: false }) })}
      ${spoken()}
    `,
    root,
  );
}

/** What a screen reader is told when it is at leisure: the connection, and what wants attention anew. */
const spoken = () => html`<p class="hidden" role="status" id="said">${view.said}</p>`;

/** @param {ConsoleState} facts */
function take(facts) {
  const before = view.facts && new Set(concernsOf(view.facts).map((one) => one.what + one.name));
  const fresh =
    before === undefined ? [] : concernsOf(facts).filter((one) => !before.has(one.what + one.name));
  const said = fresh
    .map(({ what, name }) => (name === undefined ? what : `${what}: ${plain(name, 60)}`))
    .join('. ');
  set(said === '' ? { facts } : { facts, said });
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let settled;
let wholeAt = 0;

const server = openLink({
  onLink(link) {
    const was = view.link.kind;
    set({ link });
    if (link.kind === 'away' && was !== 'away') set({ said: 'The gateway does not reply.' });
    if (link.kind === 'over') set({ said: 'This link is over.' });
    if (link.kind === 'live' && link.back) {
      set({ said: 'The gateway is back.' });
      clearTimeout(settled);
      settled = setTimeout(() => view.link === link && set({ link: { kind: 'live' } }), 15_000);
    }
  },
  onFacts(facts) {
    wholeAt = Date.now();
    set({ log: added(view.log, facts.decisions) });
    take(facts);
  },
  onChange(change) {
    if (view.facts) take({ ...view.facts, ...change });
  },
  onDecisions: (decisions) => set({ log: added(view.log, decisions) }),
});

listenToKeys({
  isOn: () => view.keysOn,
  go(section) {
    const at = document.getElementById(section);
    at?.scrollIntoView();
    at?.focus({ preventScroll: true });
  },
  run(shortcut) {
    if (shortcut === 'search') document.getElementById('search')?.focus();
    if (shortcut === 'pause') actions.togglePause();
    if (shortcut === 'scheme') actions.changeScheme();
    if (shortcut === 'help') set({ help: true });
    if (shortcut === 'blocked')
      set({
        filter: view.filter.verdicts.join() === 'blocked' ? noFilter : { ...noFilter, verdicts: ['blocked'] },
      });
  },
  leave: () => document.getElementById('decisions')?.focus(),
});
onSystemScheme(() => set({}));
// Ages and remaining times go on by themselves.
setInterval(() => {
  if (document.visibilityState !== 'visible') return;
  const { configuration, link } = view;
  // What is sent as it changes is without the configuration.
  if (configuration && link.kind === 'live' && wholeAt < Date.now() - 10_000) void server.ask();
  set({});
}, 1000);
draw();
