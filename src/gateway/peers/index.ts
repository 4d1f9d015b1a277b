export { openPeers, type PeerReply, type Peers } from './peers.js';
