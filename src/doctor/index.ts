/** What is wrong, and what to do: looks at files and servers, and holds a table of checks against what it saw. */
export { groups, type Status } from './check.js';
export { checks, type Diagnosis, diagnose, type Result } from './diagnose.js';
export { examine, type Targets } from './examine.js';
export type { DoctorContext } from './facts.js';
