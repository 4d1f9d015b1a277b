import type { z } from 'zod';

/** `path.to[0].field: what is wrong`, a line for each thing that a schema found. */
export function problemsOf(error: z.ZodError): string[] {
  return error.issues.map((issue) => {
    const path = issue.path
      .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
      .join('');
    const message = issue.message.replace(/^Invalid input: /, '');
    return path === '' ? message : `${path.replace(/^\./, '')}: ${message}`;
  });
}
