import { RE2JS } from 're2js';
import { z } from 'zod';
import { messageOf } from '../errors.js';

/** A regular expression of the user's own, in linear time. */
export const pattern = z
  .string()
  .min(1)
  .transform((text, context) => {
    try {
      return RE2JS.compile(text);
    } catch (error) {
      context.addIssue({
        code: 'custom',
        message: `not a regular expression that runs in linear time (RE2): ${messageOf(error)}`,
      });
      return z.NEVER;
    }
  });
