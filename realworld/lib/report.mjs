import { explained } from '../known.mjs';

/** Judges cells, and counts what all of them come to. */
export function createReport() {
  const notes = new Map();
  const used = new Set();
  const total = { equal: 0, known: 0, failed: 0 };
  const mark = (text) => {
    if (!notes.has(text)) notes.set(text, notes.size + 1);
    return notes.get(text);
  };
  return {
    used,
    total,
    /** What a cell comes to: how much is equal, the notes of what is known, and what is not. */
    judge(subject, way, cell) {
      const found = { equal: 0, of: 0, notes: new Set(), failures: [] };
      for (const [key, differences] of Object.entries(cell)) {
        found.of += 1;
        if (differences === undefined) {
          found.equal += 1;
          total.equal += 1;
          continue;
        }
        const known = explained({ subject, way, key, differences });
        for (const entry of known ?? []) {
          used.add(entry);
          found.notes.add(mark(entry.cause));
        }
        if (known) total.known += 1;
        else {
          total.failed += 1;
          found.failures.push(`${key}: ${differences.slice(0, 8).join('\n      ')}`);
        }
      }
      return found;
    },
    notes: () => [...notes].map(([cause, number]) => ({ number, cause })),
  };
}

/** A cell as text: `52 of 54`, the numbers of its notes, and `FAIL` where something has no explanation. */
export function cellText(found) {
  if (found === undefined) return '-';
  if (typeof found === 'string') return found;
  const all = found.equal === found.of ? `all ${found.of}` : `${found.equal} of ${found.of}`;
  const marks = [...found.notes].sort((a, b) => a - b).map((number) => `[${number}]`);
  return [all, ...marks, ...(found.failures.length > 0 ? [`FAIL ${found.failures.length}`] : [])].join(' ');
}

/** A table for a terminal and for Markdown alike. */
export function table(head, rows) {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}
