// The console serves the library under this name. Its own types are of a CommonJS module, which what is served is not.
import type { h, VNode } from './preact.js';

declare const htm: {
  bind(create: typeof h): (strings: TemplateStringsArray, ...values: unknown[]) => VNode;
};
export default htm;
