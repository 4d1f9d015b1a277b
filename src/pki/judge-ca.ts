import { activeCa, certificatesIn, isIssuedBy } from './bundle.js';
import { crlsIn } from './crl.js';
import { certsCommandLine, makeCommand, remakeCommand } from './folder.js';
import { caExtensionsDefect, caStrictnessGap, read } from './inspect.js';
import { type Finding, findingIn, type JudgeContext, judgeKey, judgeTime } from './judge.js';
import { signingDefect } from './keys.js';
import { type FolderState, parseCertificate, validityIn } from './state.js';
import { dayMs, opensslDate } from './validity.js';
import { weaknessOf } from './weakness.js';

/** What is wrong with the CA's folder. A CA whose key is kept elsewhere is fine. */
export function judgeCa(state: FolderState, context: JudgeContext, hasLeaves = false): readonly Finding[] {
  const { dir } = context;
  const { cert, key, layout, target } = state;
  const anew = `to start anew: ${remakeCommand(dir, target)}`;
  const finding = findingIn(layout.cert, anew);
  if (!cert) {
    const made = { remedy: makeCommand(dir, target) };
    return [
      key
        ? { ...finding('incomplete', 'is missing beside its key'), ...made }
        : hasLeaves
          ? { ...finding('missing', 'is not there'), remedy: `look where it is; if it is lost, ${anew}` }
          : { ...finding('missing', 'is not there'), ...made },
    ];
  }
  const active = activeCa(state);
  const certificate = active === undefined ? undefined : parseCertificate(active);
  if (active === undefined || !certificate)
    return [finding('unreadable', 'is not a certificate in PEM form')];
  const defect =
    weaknessOf(certificate, { leaf: false, root: true }) ??
    caExtensionsDefect(active) ??
    signingDefect(certificate.publicKey) ??
    (isIssuedBy(certificate, certificate)
      ? undefined
      : 'is not self-signed, and nothing here leads to its issuer');
  const gap = defect === undefined ? caStrictnessGap(active) : undefined;
  const strict = `it works; for peers that verify strictly (Python 3.13), ${anew}`;
  const validity = validityIn(certificate);
  // A CA that has ended verifies nothing any more: only while it lives can a second one take over from it.
  const rotate = certsCommandLine(dir, 'ca-rotate', 'prepare');
  return [
    ...(defect === undefined ? [] : [finding('unusable CA', defect)]),
    ...(gap === undefined
      ? []
      : [{ ...finding('not strict', `has no ${gap}, which strict verifiers ask for`), remedy: strict }]),
    ...judgeTime(validity, context, layout.cert, validity.notAfter > context.now ? rotate : anew),
    ...judgeKey(state, certificate, anew),
    ...judgeCrl(state, context),
  ];
}

/** A list that has ended is refused by whoever checks it, and with it every certificate of this CA. */
function judgeCrl({ crl, cert }: FolderState, { dir, now, warnDays }: JudgeContext): readonly Finding[] {
  if (!crl) return [];
  const finding = findingIn(crl.path, certsCommandLine(dir, 'crl', '--force'));
  const lists = crlsIn(crl.text);
  if (!lists) {
    const remedy = 'bring it back from a backup: what was revoked is known from there alone';
    return [{ ...finding('ca.crl unusable', 'cannot be read'), remedy }];
  }
  const names = certificatesIn(cert?.text ?? '').map((pem) => read(pem).subject);
  const without = names.filter((name) => !lists.some((list) => list.issuer === name));
  if (without.length > 0) return [finding('ca.crl unusable', `has no list of ${without.join(' and ')}`)];
  return lists.flatMap((list) => {
    const ends = `${list.issuer}: ${opensslDate(list.nextUpdate)}`;
    if (list.nextUpdate < now)
      return [finding('ca.crl expired', `has ended, and whoever checks it refuses everyone (${ends})`)];
    const soon = Math.min(warnDays * dayMs, (list.nextUpdate.getTime() - list.thisUpdate.getTime()) / 3);
    if (list.nextUpdate.getTime() - now.getTime() > soon) return [];
    return [
      { ...finding('ca.crl expires soon', `ends soon (${ends})`), remedy: certsCommandLine(dir, 'crl') },
    ];
  });
}
