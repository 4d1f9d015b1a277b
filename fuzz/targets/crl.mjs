import { crlsIn } from '../../dist/pki/crl.js';
import { loadCredentials } from '../../dist/tls/index.js';
import { credentialsWith, signedAnew } from '../lib/authority.mjs';
import { agree, refusable } from '../lib/judge.mjs';

/** Lists of the revoked, as an end reads them and as the commands do. */
export default {
  format: 'pem',
  words: ['-----BEGIN X509 CRL-----\n', '-----END X509 CRL-----\n', '-----BEGIN', '\r\n', '====', '\0'],
  async open() {
    return async (input) => {
      const asIs = input.toString('latin1');
      for (const text of new Set([asIs, signedAnew(asIs)])) {
        const loaded = await refusable(() =>
          loadCredentials(...credentialsWith({ 'ca.crl': text }, { crl: true })),
        );
        const listed = crlsIn(text);
        // The commands read more of a list than an end needs, and may refuse it for that.
        if (!loaded || !listed) continue;
        const ends = loaded.crls.flatMap(({ revoked }) => [...revoked]);
        const commands = listed.flatMap(({ revoked }) => revoked.map(({ serial }) => serial));
        agree('others are revoked', ends.sort(), commands.sort());
      }
    };
  },
};
