import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findToken, readTokens } from '../../dist/gateway/auth/tokens.js';
import { disagree, refusable } from '../lib/judge.mjs';

const token = `sally_abcdefgh_${'A'.repeat(43)}`;

/** The file that bearer tokens are kept in: one that is not as it was written lets nobody in. */
export default {
  format: 'json',
  words: ['"tokens":', '"id":', '"user":', '"expires":null', '"sha256":', '[', ']', '{', '}', ','],
  async open() {
    const path = join(mkdtempSync(join(tmpdir(), 'sallyport-fuzz-')), 'tokens.json');
    return async (input) => {
      writeFileSync(path, input);
      const records = await refusable(() => readTokens(path));
      if (records === undefined) return;
      const found = findToken(token, new Map(records.map((record) => [record.id, record])), new Date(0));
      if (typeof found !== 'string') disagree('a token that nobody made is taken', found);
    };
  },
};
