const dash = (value, digits) => (value === undefined ? '-' : value.toFixed(digits));

const columns = [
  ['', (row) => row.id],
  ['ratio', (row) => dash(row.ratio, 2)],
  ['/s', (row) => dash(row.perSecond, 0)],
  ['floor', (row) => dash(row.floor?.perSecond, 0)],
  ['p50 ms', (row) => dash(row.p50ms, 2)],
  ['floor', (row) => dash(row.floor?.p50ms, 2)],
  ['p99 ms', (row) => dash(row.p99ms, 2)],
  ['floor', (row) => dash(row.floor?.p99ms, 2)],
  ['CPU µs client', (row) => dash(row.cpuUs?.client, 0)],
  ['floor', (row) => dash(row.floor?.cpuUs?.client, 0)],
  ['server', (row) => dash(row.cpuUs?.server, 0)],
  ['floor', (row) => dash(row.floor?.cpuUs?.server, 0)],
];

/** The rows as one table. */
export function table(rows) {
  const lines = [columns.map(([head]) => head), ...rows.map((row) => columns.map(([, cell]) => cell(row)))];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  return lines
    .map((line) =>
      line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '),
    )
    .join('\n');
}
