export { createLegs, type Legs } from './legs.js';
export { serveStdio } from './stdio.js';
