import type { SallyError } from '../errors.js';
import type { Logger } from '../log.js';

/** Warns of each kind of remark once: what is so of one connection is so of the next ones too. */
export function remarkOnce(log: Logger): (remark: SallyError) => void {
  const told = new Set<string>();
  return (remark) => {
    if (told.has(remark.code)) return;
    told.add(remark.code);
    log.warn({ code: remark.code, remedy: remark.remedy }, remark.message);
  };
}
