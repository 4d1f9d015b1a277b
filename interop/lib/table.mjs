import { directions, transports } from '../peers.mjs';
import { scenarios } from '../scenarios.mjs';

const word = { pass: 'pass', fail: 'FAIL', na: '-' };

/** One peer's table: a row for each scenario, a column for each direction and transport. */
export function peerTable(peer, cells, notes) {
  const names = Object.keys(scenarios).filter((name) => cells.some(({ outcomes }) => outcomes[name]));
  const width = Math.max(0, ...names.map((name) => name.length));
  const column = 8;
  const head = Object.values(directions).map((title) => title.padEnd(transports.length * column));
  const lines = [peer.title, `${' '.repeat(width + 2)}${head.join('  ')}`.trimEnd()];
  const row = (title, values) => {
    const halves = [values.slice(0, transports.length), values.slice(transports.length)];
    const text = halves.map((half) => half.map((value) => value.padEnd(column)).join('')).join('  ');
    lines.push(`${title.padEnd(width + 2)}${text}`.trimEnd());
  };
  row('', [...transports, ...transports]);
  const inOrder = Object.keys(directions).flatMap((direction) =>
    transports.map((transport) =>
      cells.find((cell) => cell.direction === direction && cell.transport === transport),
    ),
  );
  for (const name of names) {
    row(
      name,
      inOrder.map((cell) => {
        const outcome = cell?.outcomes[name];
        if (outcome === undefined) return '';
        const note = notes.mark(outcome);
        return outcome.kind === 'defect' ? `peer${note}` : `${word[outcome.kind]}${note}`;
      }),
    );
  }
  return lines.join('\n');
}

/** Numbers the reasons that the cells refer to; each is printed once, below the tables. */
export function createNotes() {
  const numbers = new Map();
  return {
    mark({ kind, reason }) {
      if (reason === undefined) return '';
      const text = `${{ na: 'not applicable', fail: 'FAIL', defect: 'peer defect' }[kind]}: ${reason}`;
      if (!numbers.has(text)) numbers.set(text, numbers.size + 1);
      return ` ${numbers.get(text)}`;
    },
    text: () => [...numbers].map(([text, number]) => `${String(number).padStart(3)}  ${text}`).join('\n'),
  };
}
