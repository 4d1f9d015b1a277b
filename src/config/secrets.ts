/** Whether a key or variable of this name holds a secret. `keyfile` does not: it holds a path. */
export function looksSecret(name: string): boolean {
  return /pass(word|wd|phrase|code)|secret|token|credential|(^|[_.-])(pass|pwd|pw|auth)$|keys?$|key_(?!file)/i.test(
    name,
  );
}

export const hiddenText = '(hidden)';

/** A value as an error shows it: in quotes, on one line, without control characters, cut where long. */
export function shown(text: string): string {
  const cut = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  // JSON leaves DEL and the C1 controls as they are, which some terminals obey.
  return JSON.stringify(cut).replace(/[\u007f-\u009f\u2028\u2029]/g, '?');
}
