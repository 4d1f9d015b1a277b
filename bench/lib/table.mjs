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

const addedColumns = [
  ['a plugin adds', (row) => row.id],
  ['ratio', (row) => dash(row.addedRatio, 2)],
  ['ms', (row) => dash(row.addedMs, 2)],
  ['floor', (row) => dash(row.floor.addedMs, 2)],
  ['hook calls', (row) => dash(row.addedHookCalls, 2)],
  ['floor', (row) => dash(row.floor.addedHookCalls, 2)],
];

/** The rows as one table, and what a plugin adds where that was measured. */
export function table(rows) {
  const added = rows.filter((row) => row.addedMs !== undefined);
  const tables = [lines(columns, rows), ...(added.length > 0 ? [lines(addedColumns, added)] : [])];
  return tables.join('\n\n');
}

function lines(columns, rows) {
  const cells = [columns.map(([head]) => head), ...rows.map((row) => columns.map(([, cell]) => cell(row)))];
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => line[i].length)));
  return cells
    .map((line) =>
      line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '),
    )
    .join('\n');
}
