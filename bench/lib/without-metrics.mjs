// What a gateway would be that counts nothing: `node --import THIS dist/cli/main.js gateway …`. There is no such setting.
import { register } from 'node:module';

const hook = `
const counted = /\\/telemetry\\/metrics\\.js$/;
export async function resolve(specifier, context, next) {
  const found = await next(specifier, context);
  return counted.test(found.url) ? { ...found, url: found.url + '?nothing', format: 'module' } : found;
}
export async function load(url, context, next) {
  if (!url.endsWith('?nothing')) return next(url, context);
  const real = JSON.stringify(url.replace('?nothing', '?real'));
  const source = 'export { countDroppedLines, openGauge } from ' + real + '; export const openTrafficMetrics = () => undefined;';
  return { format: 'module', source, shortCircuit: true };
}
`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
