/**
 * What both programs stand on: one port with the way in to it, and the plain health port beside it. Reading begins with
 * `createListener`.
 */
export { createListener } from './listener.js';
