/**
 * For the tests of plugin authors: hooks called by value, a gateway with a fake upstream, recorded exchanges, made-up
 * payloads. For node:test, vitest, or a script; reading begins with `openPlugin`.
 *
 * @module
 */
export { type Exchange, replay } from './exchanges.js';
export { type FuzzOptions, type FuzzReport, fuzz } from './fuzz.js';
export { type ClientReply, type TestGateway, type TestGatewayOptions, testGateway } from './gateway.js';
export {
  type Called,
  call,
  type GivenContext,
  type OpenedPlugin,
  type OpenOptions,
  type Over,
  openPlugin,
  type TestContext,
} from './plugin.js';
export { type FakeUpstream, serveUpstream, type UpstreamCall } from './upstream.js';
