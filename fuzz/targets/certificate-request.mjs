import { readCertificates } from '../../dist/pki/pem.js';
import { isRequestFor, parseRequest, requestKey } from '../../dist/pki/request.js';
import { authority } from '../lib/authority.mjs';
import { disagree, refusable } from '../lib/judge.mjs';

/** Certificate requests of whoever asks for a signature. */
export default {
  format: 'pem',
  words: [
    '-----BEGIN CERTIFICATE REQUEST-----\n',
    '-----END CERTIFICATE REQUEST-----\n',
    'NEW ',
    '\r\n',
    '====',
    '\0',
  ],
  async open() {
    const [certificate] = readCertificates(authority['server.crt'], 'a.crt');
    return async (input) => {
      const text = input.toString('latin1');
      const request = await refusable(() => parseRequest(text, 'a.csr'));
      const key = requestKey(text);
      isRequestFor(text, certificate);
      if (request && !key?.equals(request.publicKey)) disagree('another key', text);
    };
  },
};
