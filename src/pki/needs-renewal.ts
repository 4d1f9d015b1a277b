import { FileUnreadable } from '../errors.js';
import { leafNamed, presentLeaves } from './change.js';
import { type DuePolicy, defaultDue, dueAt } from './due.js';
import { readIfExists } from './files.js';
import { defaultDir, leafTargets } from './folder.js';
import { parseCertificate, validityIn } from './state.js';

/** Whether a certificate is to be renewed. */
export type NeedsRenewal =
  | {
      readonly kind: 'due' | 'not due';
      readonly path: string;
      readonly notAfter: Date;
      readonly dueAt: Date;
    }
  | { readonly kind: 'missing'; readonly path: string }
  | { readonly kind: 'unreadable'; readonly path: string; readonly reason: string };

/**
 * Whether a certificate is due. Only its own dates count: it may be of any CA.
 *
 * @param what a certificate's file, or `gateway` or a plugin's name.
 * @example
 * ```ts
 * import { needsRenewal, parseExpiresIn } from 'sallyport/pki';
 *
 * const answer = await needsRenewal('certs/mcp/gateway/client.crt', { due: parseExpiresIn('30d') });
 * if (answer.kind === 'due') console.log(`${answer.path} ends on ${answer.notAfter.toISOString()}`);
 * ```
 */
export async function needsRenewal(
  what: string,
  options: { readonly dir?: string; readonly due?: DuePolicy; readonly now?: () => Date } = {},
): Promise<NeedsRenewal> {
  const { dir = defaultDir, due = defaultDue, now = () => new Date() } = options;
  let path = what;
  try {
    path = await certificatePath(what, dir);
    const file = await readIfExists(path);
    if (!file) return { kind: 'missing', path };
    const certificate = parseCertificate(file.text);
    if (!certificate) return { kind: 'unreadable', path, reason: 'it is not a certificate in PEM form' };
    const validity = validityIn(certificate);
    const at = dueAt(validity, due);
    return { kind: now() < at ? 'not due' : 'due', path, notAfter: validity.notAfter, dueAt: at };
  } catch (error) {
    if (FileUnreadable.is(error)) return { kind: 'unreadable', path, reason: error.context.reason };
    throw error;
  }
}

/** A name wins over a file of that name, as it does for `renew`. */
async function certificatePath(what: string, dir: string): Promise<string> {
  if (/[/\\]/.test(what) && /\.\w+$/.test(what)) return what;
  const leaves = await presentLeaves(dir, await leafTargets(dir));
  try {
    return leafNamed(what, dir, leaves).layout.cert;
  } catch {
    return what;
  }
}
