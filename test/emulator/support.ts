/**
 * Starts the emulator as a process of its own and talks to it with a client that knows the wire and nothing else.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { WebSocket } from "ws"
import * as Frame from "../../src/lingma/rpc/Frame.ts"

const bin = fileURLToPath(new URL("../../bin/lingma-emulator.js", import.meta.url))

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Emulator {
  readonly child: ChildProcess
  readonly workDir: string
  readonly socketPort: number
  readonly httpPort: number
  readonly output: () => string
  readonly exit: Promise<Exit>
}

export const launch = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) => {
  const child = spawn(process.execPath, [bin, ...args], { env: { PATH: process.env["PATH"] ?? "", ...env } })
  let output = ""
  const watchers = new Set<() => void>()
  const add = (part: Buffer): void => {
    if (output.length < 1 << 20) output += part.toString("utf8")
    for (const watch of watchers) watch()
  }
  child.stdout.on("data", add)
  child.stderr.on("data", add)
  const exit = new Promise<Exit>((resolve) => {
    child.once("close", (code, signal) => {
      resolve({ code, signal })
      for (const watch of watchers) watch()
    })
  })
  const says = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(output)
        if (found !== null) resolve(found)
        else if (child.exitCode !== null || child.signalCode !== null)
          reject(new Error(`ended without ${pattern}: ${output}`))
        else return
        watchers.delete(look)
      }
      watchers.add(look)
      look()
    })
  return { child, exit, says, output: () => output }
}

export const tempDir = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "lingma-emulator-"))),
  (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
)

const boot = async (
  workDir: string,
  env: Readonly<Record<string, string>>,
  args: ReadonlyArray<string>
): Promise<Emulator> => {
  const started = launch(["start", `--workDir=${workDir}`, "--socketPort=0", "--httpPort", "0", ...args], env)
  const ready = await started.says(/servers ready - WebSocket: (\d+), HTTP: (\d+)/)
  return { ...started, workDir, socketPort: Number(ready[1]), httpPort: Number(ready[2]) }
}

const kill = ({ child, exit }: Pick<Emulator, "child" | "exit">): Promise<Exit> => {
  child.kill("SIGKILL")
  return exit
}

/** A ready emulator in `workDir`, or in one of its own; gone at the end of the scope. */
export const startEmulator = (
  env: Readonly<Record<string, string>> = {},
  options: { readonly workDir?: string; readonly args?: ReadonlyArray<string> } = {}
) =>
  Effect.gen(function* () {
    const workDir = options.workDir ?? (yield* tempDir)
    return yield* Effect.acquireRelease(
      Effect.promise(() => boot(workDir, env, options.args ?? [])),
      (emulator) => Effect.promise(() => kill(emulator))
    )
  })

/** A JSON object as it comes. */
export type Fields = Readonly<Record<string, unknown>>

/** What lies at a path, undefined where there is nothing. */
export const at = (value: unknown, ...path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>(
    (found, key) => (typeof found === "object" && found !== null ? Reflect.get(found, key) : undefined),
    value
  )

export interface Message {
  readonly id?: number | string
  readonly method?: string
  readonly params?: Fields
  readonly result?: Fields
  readonly error?: { readonly code: number; readonly message: string }
}

export interface Client {
  readonly messages: Array<Message>
  readonly socket: WebSocket
  readonly closed: Promise<number>
  /** WebSocket messages as they came. */
  readonly raw: Array<string>
  readonly frameErrors: Array<string>
  /** Sends a request and gives its reply. */
  readonly call: (method: string, params?: unknown, id?: number | string) => Promise<Message>
  readonly notify: (method: string, params: unknown) => void
  /** Answers a request of the process; for clients that do not by themselves. */
  readonly answer: (request: Message, result: unknown) => void
  readonly sendRaw: (text: string | Buffer) => void
  /** Bytes of an unfinished frame have come. */
  readonly partial: () => boolean
  /** Looks again at every WebSocket message until it holds or the socket is closed. */
  readonly closedOr: (holds: () => boolean) => Promise<void>
  /** The first message, come or to come, that fits. */
  readonly until: (fits: (message: Message) => boolean) => Promise<Message>
}

const open = (port: number, path: string, acks: boolean): Promise<Client> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`)
    const decoder = Frame.makeDecoder({ maxBody: 64 << 20 })
    const messages: Array<Message> = []
    const raw: Array<string> = []
    const frameErrors: Array<string> = []
    const watchers = new Set<() => void>()
    let lastId = 0
    const sendRaw = (text: string | Buffer): void => socket.send(text)
    const send = (message: unknown): void => sendRaw(Frame.encode(JSON.stringify(message)))
    const onBody = (text: string): void => {
      let message: Message
      try {
        message = JSON.parse(text) as Message
      } catch {
        frameErrors.push("not json")
        return
      }
      messages.push(message)
      if (acks && message.method !== undefined && message.id !== undefined) {
        const refused = /^tool|permission/.test(message.method)
        send({ jsonrpc: "2.0", id: message.id, result: refused ? { success: false } : null })
      }
    }
    const until = (fits: (message: Message) => boolean): Promise<Message> =>
      new Promise((found) => {
        let seen = 0
        const look = (): void => {
          while (seen < messages.length) {
            const message = messages[seen++]!
            if (fits(message)) {
              watchers.delete(look)
              found(message)
              return
            }
          }
        }
        watchers.add(look)
        look()
      })
    socket.on("message", (data: Buffer) => {
      raw.push(data.toString("latin1"))
      const error = decoder.push(data, onBody)
      if (error !== undefined) frameErrors.push(error.reason)
      for (const watch of watchers) watch()
    })
    socket.on("error", reject)
    const closed = new Promise<number>((done) => socket.on("close", done))
    const call = (method: string, params: unknown = {}, id: number | string = ++lastId): Promise<Message> => {
      send({ jsonrpc: "2.0", id, method, params })
      return until((message) => message.method === undefined && message.id === id)
    }
    const closedOr = (holds: () => boolean): Promise<void> =>
      new Promise((done) => {
        const look = (): void => {
          if (!holds() && socket.readyState === WebSocket.OPEN) return
          watchers.delete(look)
          done()
        }
        watchers.add(look)
        socket.on("close", look)
        look()
      })
    const notify = (method: string, params: unknown): void => send({ jsonrpc: "2.0", method, params })
    const answer = ({ id }: Message, result: unknown): void => send({ jsonrpc: "2.0", id, result })
    const partial = (): boolean => decoder.partial
    const client = {
      notify,
      answer,
      partial,
      closedOr,
      messages,
      socket,
      closed,
      raw,
      frameErrors,
      call,
      sendRaw,
      until
    }
    socket.on("open", () => resolve(client))
  })

export const connect = (
  emulator: { readonly socketPort: number },
  options: { readonly path?: string; readonly acks?: boolean; readonly initialize?: boolean } = {}
) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = await open(emulator.socketPort, options.path ?? "/", options.acks ?? true)
      if (options.initialize ?? true) await client.call("initialize", {})
      return client
    }),
    (client) => Effect.sync(() => client.socket.terminate())
  )

export const control = async (
  emulator: { readonly httpPort: number },
  action: string,
  body?: unknown
): Promise<Fields> => {
  const response = await fetch(`http://127.0.0.1:${emulator.httpPort}/__control/${action}`, {
    method: body === undefined ? "GET" : "POST",
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) })
  })
  return (await response.json()) as Fields
}

/** Asks for stats until they fit; for what happens a moment after the message that tells of it. */
export const statsWhen = async (
  emulator: { readonly httpPort: number },
  fits: (stats: Fields) => boolean
): Promise<Fields> => {
  for (;;) {
    const stats = await control(emulator, "stats")
    if (fits(stats)) return stats
  }
}

/** Waits for a line of its output, which comes by another way than its answers. */
export const said = async (emulator: { readonly output: () => string }, line: RegExp): Promise<void> => {
  for (let i = 0; i < 500 && !line.test(emulator.output()); i++) await new Promise((resolve) => setTimeout(resolve, 10))
  if (!line.test(emulator.output())) throw new Error(`never said ${line}: ${emulator.output().slice(-2000)}`)
}

let requests = 0

/** Opens a session and prompts in it. */
export const prompt = async (client: Client, text: string, meta: Readonly<Record<string, unknown>> = {}) => {
  const requestId = `request-${++requests}`
  const created = await client.call("session/new", { cwd: "/x", mcpServers: [], _meta: {}, timestamp: 1 })
  const sessionId = String(created.result?.["sessionId"])
  const reply = client.call("session/prompt", {
    sessionId,
    prompt: [{ type: "text", text }],
    _meta: { "ai-coding/request-id": requestId, "ai-coding/mode": "chat", ...meta }
  })
  return { sessionId, requestId, reply }
}

export const ask = (client: Client, text: string, more: Readonly<Record<string, unknown>> = {}) => {
  const requestId = `request-${++requests}`
  const reply = client.call("chat/ask", {
    ...{ requestId, chatTask: "FREE_INPUT", chatContext: null, sessionId: "", codeLanguage: "", isReply: false },
    ...{ source: 1, questionText: text, stream: true, taskDefinitionType: "", extra: null, sessionType: "chat" },
    ...{ targetAgent: "", pluginPayloadConfig: null, mode: "normal", shellType: "", customModel: null },
    ...more
  })
  return { requestId, reply }
}

export const updateOf = (message: Message): Fields | undefined =>
  message.method === "session/update" ? (message.params?.["update"] as Fields) : undefined

const requestOf = (message: Message): unknown =>
  message.params?.["requestId"] ?? at(message.params, "_meta", "ai-coding/request-id")

export const isFinish =
  (requestId: string) =>
  (message: Message): boolean =>
    requestOf(message) === requestId &&
    (message.method === "chat/finish" || String(updateOf(message)?.["type"]) === "chat_finish")

export const finishOf = (message: Message): Fields | undefined =>
  (updateOf(message)?.["data"] as Fields | undefined) ?? message.params

const deltaOf = (message: Message, requestId: string, kind: "message" | "thought"): string => {
  if (requestOf(message) !== requestId) return ""
  if (message.method === (kind === "message" ? "chat/answer" : "chat/think")) return String(message.params?.["text"])
  const update = updateOf(message)
  return String(update?.["sessionUpdate"]) === `agent_${kind}_chunk` ? String(at(update, "content", "text")) : ""
}

/** What this message adds to the turn's answer. */
export const textOfOne = (message: Message, requestId: string): string => deltaOf(message, requestId, "message")

/** The text of a turn in either dialect. */
export const textOf = (client: Client, requestId: string, kind: "message" | "thought" = "message"): string =>
  client.messages.map((message) => deltaOf(message, requestId, kind)).join("")

/** The names of a turn's events, equal neighbours once. */
export const eventsOf = (client: Client, requestId: string): ReadonlyArray<string> =>
  client.messages
    .filter((message) => requestOf(message) === requestId || message.method === "session/title/update")
    .map((message) => {
      const update = updateOf(message)
      return update === undefined ? String(message.method) : String(update["type"] ?? update["sessionUpdate"])
    })
    .filter((name, index, all) => name !== all[index - 1])
