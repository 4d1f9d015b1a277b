/** A leg's table of one revision: a row for each scenario, a column for each way. */
export function legTable(title, scenarios, ways, outcomeAt, notes) {
  const cells = scenarios.map((scenario) => [
    scenario,
    ...ways.map((way) => show(outcomeAt(scenario, way), notes)),
  ]);
  const rows = [['', ...ways], ...cells];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] + 2)).join(''));
  return [title, ...lines.map((line) => line.trimEnd())].join('\n');
}

function show(outcome, notes) {
  if (outcome === undefined) return '';
  const { kind, passed, reasons } = outcome;
  const marks = reasons.map((reason) => notes.mark(`${kind}: ${reason}`));
  return [{ pass: `${passed} hold`, fail: 'FAIL', expected: 'expected' }[kind], ...marks].join(' ');
}

/** Numbers the reasons that the cells refer to; each is printed once, below the tables. */
export function createNotes() {
  const numbers = new Map();
  return {
    mark(text) {
      if (!numbers.has(text)) numbers.set(text, numbers.size + 1);
      return String(numbers.get(text));
    },
    text: () => [...numbers].map(([text, number]) => `${String(number).padStart(3)}  ${text}`).join('\n'),
  };
}
