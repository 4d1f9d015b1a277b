import { goClient, npmClient, pythonClient, through } from './lib/client-programs.mjs';

/**
 * The clients: a program of each does what `clients/tasks.mjs` (or `.py`, `.go`) says. `oauth`: it finds its way from
 * our 401 to a token by itself. `modern`: it takes the revision without sessions where a server has it.
 */
export const clients = [
  { id: 'sdk-ts-1', ...npmClient('npm-clients', '@modelcontextprotocol/sdk', 'sdk-1'), oauth: true },
  {
    id: 'sdk-ts-2',
    ...npmClient('npm-clients', '@modelcontextprotocol/client', 'sdk-2'),
    oauth: true,
    modern: true,
  },
  { id: 'ai-sdk', ...npmClient('npm-clients', '@ai-sdk/mcp', 'ai-sdk') },
  { id: 'langchain-js', ...npmClient('npm-clients', '@langchain/mcp-adapters', 'langchain') },
  { id: 'mastra', ...npmClient('npm-clients', '@mastra/mcp', 'mastra') },
  { id: 'mcporter', ...npmClient('npm-clients', 'mcporter', 'mcporter') },
  { id: 'inspector --cli', ...npmClient('npm-clients', '@modelcontextprotocol/inspector', 'inspector') },
  { id: 'openai-agents-js', ...npmClient('npm-agents', '@openai/agents', 'openai-agents') },
  { id: 'mcp-use-js', ...npmClient('npm-agents', 'mcp-use', 'mcp-use') },
  { id: 'mcp-remote', ...through('mcp-remote'), oauth: true },
  { id: 'supergateway', ...through('supergateway') },
  { id: 'mcp-proxy', ...through('mcp-proxy') },
  { id: 'sdk-python-1', ...pythonClient('mcp-1', 'mcp', 'sdk_1'), oauth: true },
  { id: 'sdk-python-2', ...pythonClient('fastmcp', 'mcp', 'sdk_2'), oauth: true, modern: true },
  { id: 'fastmcp', ...pythonClient('fastmcp', 'fastmcp', 'fastmcp_client'), oauth: true },
  { id: 'langchain', ...pythonClient('langchain', 'langchain-mcp-adapters', 'langchain_adapters') },
  { id: 'openai-agents', ...pythonClient('openai-agents', 'openai-agents', 'openai_agents') },
  { id: 'pydantic-ai', ...pythonClient('pydantic-ai', 'pydantic-ai-slim', 'pydantic_ai_mcp') },
  { id: 'llama-index', ...pythonClient('llama-index', 'llama-index-tools-mcp', 'llama_index_mcp') },
  { id: 'smolagents', ...pythonClient('smolagents', 'smolagents', 'smolagents_mcp') },
  { id: 'mcp-use', ...pythonClient('mcp-use', 'mcp-use', 'mcp_use_client') },
  { id: 'go-sdk', ...goClient('github.com/modelcontextprotocol/go-sdk', 'go-sdk') },
  { id: 'mcp-go', ...goClient('github.com/mark3labs/mcp-go', 'mcp-go') },
];
