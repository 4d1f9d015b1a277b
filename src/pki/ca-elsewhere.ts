import { issuerIn } from './bundle.js';
import { type LeafTarget, layoutOf, remakeCommand, shellWord, type Target, targetName } from './folder.js';
import type { Finding } from './judge.js';
import { type FolderState, parseCertificate } from './state.js';

/**
 * The CA as a host sees it that has only its own folders, which is how it should be: the copy of its certificate beside
 * a leaf that it issued. Undefined where no leaf has one.
 */
export function caInCopies(dir: string, leaves: readonly FolderState<LeafTarget>[]): FolderState | undefined {
  const target = { role: 'ca' } as const;
  for (const { cert, caCopy, crl } of leaves) {
    const certificate = cert && parseCertificate(cert.text);
    if (!certificate || !caCopy || issuerIn(caCopy.text, certificate) === undefined) continue;
    const layout = { ...layoutOf(dir, target), cert: caCopy.path };
    const none = { key: undefined, caCopy: undefined, pem: undefined, request: undefined };
    return { target, layout, cert: caCopy, crl, ...none };
  }
  return undefined;
}

/** What `certs check` says where the CA is elsewhere. */
export function noteOnCaElsewhere(dir: string): string {
  return `the CA is elsewhere: certificates are renewed, revoked and replaced there, and the folders of this host are copied from there; if that CA is lost, to start anew: ${remakeCommand(dir, { role: 'ca' })}`;
}

/** A finding on such a host: a command here that makes what is missing would begin a second CA, which nobody trusts. */
export function remediedThere(finding: Finding, target: Target): Finding {
  const { verdict } = finding;
  if (verdict === 'key readable by others') return finding;
  // Where the folders are on that host is not known here.
  const command =
    target.role === 'ca'
      ? 'sallyport certs check'
      : verdict === 'ca.crl differs'
        ? 'sallyport certs crl'
        : `sallyport certs renew ${shellWord(targetName(target))} --force`;
  return {
    ...finding,
    remedy: `copy this host's folder again from where the CA is; if it is no better there: ${command}`,
  };
}
