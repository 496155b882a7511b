/**
 * The floor: the least that does the gateway's job over the same wire. `node bench/floor.js ws://127.0.0.1:PORT/`
 */
import { randomUUID } from "node:crypto"
import { createServer } from "node:http"
import { WebSocket } from "ws"

const requestIdKey = "ai-coding/request-id"
const socket = new WebSocket(process.argv[2], { perMessageDeflate: false })
const calls = new Map()
const turns = new Map()
let lastId = 0
let held = Buffer.alloc(0)

const send = (message) => {
  const json = JSON.stringify(message)
  socket.send(`Content-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`)
}

const call = (method, params) =>
  new Promise((resolve, reject) => {
    const id = ++lastId
    calls.set(id, { resolve, reject })
    send({ jsonrpc: "2.0", id, method, params })
  })

const onMessage = (message) => {
  if (message.method === undefined) {
    const waiting = calls.get(message.id)
    calls.delete(message.id)
    if (message.error) waiting?.reject(new Error(message.error.message))
    else waiting?.resolve(message.result)
    return
  }
  if (message.id !== undefined) send({ jsonrpc: "2.0", id: message.id, result: null })
  if (message.method !== "session/update") return
  const { _meta, update } = message.params
  const turn = turns.get(_meta[requestIdKey])
  if (turn === undefined) return
  if (update.sessionUpdate === "agent_message_chunk") turn.onText("content", update.content.text)
  else if (update.sessionUpdate === "agent_thought_chunk") turn.onText("reasoning_content", update.content.text)
  else if (update.type === "chat_finish") turn.onFinish(update.data.statusCode === 200 ? "stop" : "error")
}

socket.on("message", (data) => {
  let bytes = held.length === 0 ? data : Buffer.concat([held, data])
  for (;;) {
    const blank = bytes.indexOf("\r\n\r\n")
    if (blank < 0) break
    const end = blank + 4 + Number(bytes.latin1Slice(16, blank))
    if (bytes.length < end) break
    onMessage(JSON.parse(bytes.utf8Slice(blank + 4, end)))
    bytes = bytes.subarray(end)
  }
  held = bytes
})

/** How the two kinds of answer are written. */
const streamed = (response, head) => {
  const line = (delta, reason) =>
    `data: ${head},"object":"chat.completion.chunk","choices":[{"index":0,"delta":${delta},"finish_reason":${reason}}]}\n\n`
  const [before, after] = line("\0", null).split("\0")
  let buffer = line('{"role":"assistant","content":""}', null)
  let scheduled = false
  const flush = () => {
    scheduled = false
    if (!response.writableEnded) response.write(buffer)
    buffer = ""
  }
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" })
  return {
    onText: (field, text) => {
      if (!scheduled) queueMicrotask(flush)
      scheduled = true
      buffer += `${before}{"${field}":${JSON.stringify(text)}}${after}`
    },
    onFinish: (reason) => response.end(`${buffer}${line("{}", `"${reason}"`)}data: [DONE]\n\n`)
  }
}

const whole = (response, head) => {
  const message = { role: "assistant", content: "" }
  return {
    onText: (field, text) => {
      message[field] = (message[field] ?? "") + text
    },
    onFinish: (reason) => {
      const body = `${head},"object":"chat.completion","choices":[{"index":0,"message":${JSON.stringify(message)},"finish_reason":"${reason}"}]}`
      response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) })
      response.end(body)
    }
  }
}

const chat = async (payload, response) => {
  const requestId = randomUUID()
  const { sessionId } = await call("session/new", { cwd: "/tmp", mcpServers: [], _meta: {}, timestamp: Date.now() })
  const _meta = { [requestIdKey]: requestId, "ai-coding/mode": "chat", "ai-coding/model": payload.model }
  const remove = () => call("chat/deleteSessionById", { sessionId })
  const head = JSON.stringify({ id: requestId, created: Math.floor(Date.now() / 1000), model: payload.model })
  let over = false
  response.on("close", () => {
    if (over) return
    turns.delete(requestId)
    call("session/cancel", { sessionId, _meta }).then(remove)
  })
  await call("session/set_model", { sessionId, modelId: payload.model, timestamp: Date.now(), _meta })
  const { onFinish, onText } = (payload.stream ? streamed : whole)(response, head.slice(0, -1))
  turns.set(requestId, {
    onText,
    onFinish: (reason) => {
      over = true
      turns.delete(requestId)
      onFinish(reason)
      remove()
    }
  })
  const text = payload.messages.map((message) => message.content).join("\n\n")
  await call("session/prompt", { sessionId, prompt: [{ type: "text", text }], timestamp: Date.now(), _meta })
}

const server = createServer((request, response) => {
  const parts = []
  request.on("data", (part) => parts.push(part))
  request.on("end", () => {
    chat(JSON.parse(Buffer.concat(parts).toString()), response).catch((error) => {
      process.stderr.write(`${error.message}\n`)
      response.destroy()
    })
  })
})

socket.on("open", async () => {
  await call("initialize", { processId: null, clientInfo: { name: "floor" }, capabilities: {}, protocolVersion: 1 })
  server.listen(0, "127.0.0.1", () => process.stderr.write(`base URL  http://127.0.0.1:${server.address().port}/v1\n`))
})
socket.on("close", () => process.exit(1))
