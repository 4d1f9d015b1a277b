import { connectWithOauth } from './oauth.mjs';

/**
 * What a client of the TypeScript SDK offers, of either major version, once it is connected by one of its transports.
 * @param {(params: object, options: object) => Promise<object>} callTool a call with options
 */
export async function connectedSdk(client, { Http, Stdio, callTool }, { url, headers, oauth, ...child }) {
  const http = (authProvider) => new Http(new URL(url), { requestInit: { headers }, authProvider });
  const connect = (transport) => client.connect(transport);
  if (oauth) await connectWithOauth(http, connect);
  else await connect(url ? http() : new Stdio({ ...child, stderr: 'ignore' }));
  return {
    instructions: () => client.getInstructions() ?? null,
    tools: async () => (await client.listTools()).tools,
    call: (name, args) => client.callTool({ name, arguments: args }),
    async withProgress(name, args) {
      const told = [];
      const result = await callTool({ name, arguments: args }, { onprogress: (one) => told.push(one) });
      return { told, result };
    },
    prompts: async () => (await client.listPrompts()).prompts,
    prompt: (name, args) => client.getPrompt({ name, arguments: args }),
    resources: async () => (await client.listResources()).resources,
    read: (uri) => client.readResource({ uri }),
    close: () => client.close(),
  };
}
