import { ago, span } from './format.js';
import { html } from './html.js';
import { empty, mark, name, section, sentence } from './parts.js';
import { Component } from './preact.js';

/** @import { ApprovalsFacts, ShownText, WaitingApproval } from '../facts.js' */

/** @param {ShownText} shown @param {string} label */
const value = ({ text, left }, label) =>
  html`${left > 0 && html`<p>${mark('warning', `Only the beginning is shown: ${left} characters more.`)}</p>`}
    <pre tabindex="0" role="region" aria-label=${label}>${text}</pre>`;

/**
 * One call that waits, with the two answers. Both are sent once: the list says what became of it.
 * @extends {Component<{ one: WaitingApproval, token: string, now: number }, { sent: boolean, problem: string }>}
 */
class Waiting extends Component {
  /** @override */
  state = { sent: false, problem: '' };

  /** @param {boolean} approve */
  answer = async (approve) => {
    if (this.state.sent) return;
    this.setState({ sent: true, problem: '' });
    const { one, token } = this.props;
    try {
      const reply = await fetch(`approvals/${one.id}`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'X-Sallyport-Token': token },
        body: JSON.stringify({ approve }),
      });
      if (reply.ok) return;
      const { error } = /** @type {{ error: string }} */ (await reply.json());
      this.setState({ sent: false, problem: error });
    } catch {
      this.setState({ sent: false, problem: 'the gateway does not reply' });
    }
  };

  /** @override */
  render() {
    const { one, now } = this.props;
    const { sent, problem } = this.state;
    const left = Math.max(0, Date.parse(one.answerBy) - now);
    const title = `approval-${one.id}`;
    return html`<li aria-labelledby=${title}>
      <h3 id=${title}>${name(one.name)} <small>${one.what} of ${name(one.upstream)}</small></h3>
      <p>
        ${one.stage === 'result' && html`${mark('warning', 'The call was made: its result is held back.')} `}
        ${one.user === null ? 'Not named' : name(one.user)}${one.tenant !== null && html` of ${name(one.tenant)}`}
        <small> by ${name(one.client)}, ${ago(one.askedAt, now)}${one.waiting > 1 && `, ${one.waiting} calls`}; ${span(left)} left</small>
      </p>
      ${one.wants.map(({ source, reason }) => html`<p>${sentence(reason)} <small>${name(source)}</small></p>`)}
      ${value(one.args, `Arguments of ${one.name.slice(0, 60)}`)}
      ${one.result !== undefined && value(one.result, `Result of ${one.name.slice(0, 60)}`)}
      <p class="answers">
        <button type="button" disabled=${sent} onClick=${() => this.answer(true)} aria-describedby=${title}>Approve</button>
        <button type="button" disabled=${sent} onClick=${() => this.answer(false)} aria-describedby=${title}>Refuse</button>
        <span role="alert">${problem !== '' && mark('error', sentence(problem))}</span>
      </p>
    </li>`;
  }
}

/** @param {ApprovalsFacts} approvals @param {number} now */
export const approvalsSection = ({ token, waiting }, now) =>
  section({
    id: 'approvals',
    title: 'Approvals',
    note: waiting.length > 0 && `${waiting.length} waiting`,
    body:
      waiting.length === 0
        ? empty(
            'Nothing waits for an answer. A call that somebody is to approve here stands here, within a second.',
          )
        : html`<ul class="approvals" role="list">
            ${waiting.map((one) => html`<${Waiting} key=${one.id} one=${one} token=${token} now=${now} />`)}
          </ul>`,
  });
