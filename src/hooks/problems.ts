import type { z } from 'zod';

/** `path.to[0].field: what is wrong`. */
export function problemText(path: readonly PropertyKey[], message: string): string {
  const where = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  const what = message.replace(/^Invalid input: /, '');
  return where === '' ? what : `${where.replace(/^\./, '')}: ${what}`;
}

/** A line for each thing that a schema found. */
export function problemsOf(error: z.ZodError): string[] {
  return error.issues.map((issue) => problemText(issue.path, issue.message));
}
