/**
 * A small MCP server over stdio, for agents: `node mcpServer.mjs NAME` offers one tool, `lookup`.
 */
import { createInterface } from "node:readline"

const name = process.argv[2]
const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)

const lookup = {
  name: "lookup",
  description: `Looks a word up in the dictionary ${name}.`,
  inputSchema: { type: "object", properties: { word: { type: "string" } }, required: ["word"] }
}

const results = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name, version: "1.0.0" }
  }),
  ping: () => ({}),
  "tools/list": () => ({ tools: [lookup] }),
  "tools/call": (params) => ({
    content: [{ type: "text", text: `${name} says ${params.arguments.word.toUpperCase()}` }]
  })
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line)
  if (id === undefined) return
  const result = results[method]?.(params)
  send(result === undefined ? { id, error: { code: -32601, message: "Method not found" } } : { id, result })
})
