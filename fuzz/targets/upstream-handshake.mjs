import { judgeDiscovery, judgeInitialize } from '../../dist/gateway/upstream/negotiate.js';
import { assertNoDefect } from '../lib/judge.mjs';

/** What an upstream answers to `server/discover` and `initialize`. */
export default {
  format: 'json',
  words: [
    '"supportedVersions":',
    '"protocolVersion":"2025-11-25"',
    '"code":-32020',
    '"code":-32022',
    '"supported":',
    '"capabilities":',
    '"_meta":',
    '[',
    ']',
    '{',
    '}',
  ],
  async open() {
    return (input) => {
      let message;
      try {
        message = JSON.parse(input.toString('utf8'));
      } catch {
        return;
      }
      // A body that is no object is none of the answers that get here.
      if (typeof message !== 'object' || message === null || Array.isArray(message)) return;
      for (const verdict of [
        judgeDiscovery('u', { kind: 'answer', message }),
        judgeInitialize('u', message),
      ]) {
        const error = verdict.error ?? verdict;
        assertNoDefect('the verdict', String(error.message ?? ''), input.toString('utf8'));
      }
    };
  },
};
