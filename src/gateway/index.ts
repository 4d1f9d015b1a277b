export type { GatewayFacts } from './facts.js';
export { clientRuleOf, createGateway, type Gateway, type GatewayAddress } from './gateway.js';
export { type GatewayLook, lookAtGateway } from './look.js';
export { decidedBy, RuleTrial, runRuleTests, type TestResult, type Tried } from './rule-trial.js';
export type { PartStatus } from './status.js';
