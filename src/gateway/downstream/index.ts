export type { Admitted, Entrance, Refused } from './door.js';
export { createLegs, type Legs } from './legs.js';
export { serveStdio } from './stdio.js';
