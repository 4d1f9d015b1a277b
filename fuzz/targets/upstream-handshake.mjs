import { upstreamErrors } from '../../dist/gateway/upstream/errors.js';
import { judgeDiscovery, judgeInitialize } from '../../dist/mcp/client/negotiate.js';
import { assertNoDefect } from '../lib/judge.mjs';

const errors = upstreamErrors('u');

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
        judgeDiscovery(errors, { kind: 'answer', message }),
        judgeInitialize(errors, message),
      ]) {
        const error = verdict.error ?? verdict;
        assertNoDefect('the verdict', String(error.message ?? ''), input.toString('utf8'));
      }
    };
  },
};
