import { randomBytes } from 'node:crypto';

/** 192 bits: nobody finds what another one holds by trying. */
export const randomId = (): string => randomBytes(24).toString('base64url');
