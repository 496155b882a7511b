/**
 * The newer dialect: `session/*`, its pushes and their order.
 */
import { randomUUID } from "node:crypto"
import { Schema } from "effect"
import * as Faults from "./Faults.ts"
import type { Link, Message } from "./Link.ts"
import * as Models from "./Models.ts"
import * as Pictures from "./Pictures.ts"
import * as Plan from "./Plan.ts"
import * as Rpc from "./Rpc.ts"
import * as Turns from "./Turns.ts"
import * as World from "./World.ts"

const Meta = Rpc.Go.map
const SessionId = { sessionId: Rpc.Go.string, id: Rpc.Go.string }

const TextPart = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String })
const ImagePart = Schema.Struct({
  type: Schema.Literal("image"),
  mimeType: Schema.String.pipe(Schema.pattern(/^image\/[a-z0-9.+-]+$/)),
  uri: Schema.String.pipe(Schema.pattern(/^(lingma|qodercn):\/\/\/agent\/file\?path=/)),
  data: Schema.optionalWith(Schema.String, { default: () => "" })
})

const head = (sessionId: string, meta: Record<string, unknown>): string =>
  `{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":${JSON.stringify(sessionId)},"_meta":${JSON.stringify(meta)},"update":`

const chunk = (kind: string): string => `{"sessionUpdate":"${kind}","content":{"type":"text","text":`

export const voice = (link: Link, requestId: string, sessionId: string, title: string): Turns.Voice => {
  const meta = { "ai-coding/request-id": requestId, "ai-coding/message-created-at": Date.now() }
  const update = head(sessionId, meta)
  const message = update + chunk("agent_message_chunk")
  const thought = update + chunk("agent_thought_chunk")
  const others = [
    head(sessionId, { "ai-coding/request-id": `old-${requestId}` }),
    head(randomUUID(), { "ai-coding/request-id": randomUUID() })
  ]
  const ending = (reason: string, statusCode: number, fullAnswer: string): string =>
    `${JSON.stringify({ sessionUpdate: "notification", type: "chat_finish", data: { reason, statusCode, fullAnswer, requestId, sessionId } })}}}`
  const started = performance.now()
  return {
    open: () => {
      const step = { requestId, sessionId, description: "", result: null, message: "" }
      link.request("chat/process_step_callback", { ...step, step: "step_start", status: "doing" })
      link.request("chat/process_step_callback", { ...step, step: "step_end", status: "done" })
      link.request("snapshot/syncAll", { sessionId, requestId, snapshots: [] })
      link.request("session/title/update", { sessionId, sessionTitle: title })
    },
    thought: (text) => {
      const took = Math.round(performance.now() - started)
      link.send(`${thought}${JSON.stringify(text)}},"_meta":{"ai-coding/thinking-duration-millis":${took}}}}}`)
    },
    thoughtsDone: () => {},
    text: (text) => link.send(`${message}${JSON.stringify(text)}}}}}`),
    blank: () => {},
    stale: () => {
      for (const other of others) {
        link.send(`${other}${chunk("agent_message_chunk")}"STALE"}}}}`)
        link.send(`${other}${ending("success", 200, "STALE")}`)
      }
    },
    overwrite: () => {},
    tool: (onReply) => {
      const call = { toolCallId: randomUUID(), title: "run_in_terminal", kind: "execute", rawInput: { command: "id" } }
      link.send(`${update}${JSON.stringify({ sessionUpdate: "tool_call", ...call, status: "in_progress" })}}}`)
      const { toolCallId, title: name, rawInput: parameters } = call
      link.request("tool/invoke", { requestId, sessionId, toolCallId, name, parameters, async: false }, (reply) => {
        const status = succeeded(reply) ? "completed" : "failed"
        link.send(`${update}${JSON.stringify({ sessionUpdate: "tool_call_update", toolCallId, status })}}}`)
        onReply(reply)
      })
    },
    permission: (onReply) =>
      link.request(
        "session/request_permission",
        {
          sessionId,
          toolCall: {
            toolCallId: randomUUID(),
            title: "run_in_terminal",
            kind: "execute",
            rawInput: { command: "id" }
          },
          options: [
            { optionId: "allow", name: "Allow", kind: "allow_once" },
            { optionId: "reject", name: "Reject", kind: "reject_once" }
          ]
        },
        onReply
      ),
    usage: (usedTokens) => {
      const data = { usedTokens, limitTokens: 200_000 }
      link.send(`${update}${JSON.stringify({ sessionUpdate: "notification", type: "context_usage", data })}}}`)
    },
    finish: (reason, statusCode, fullAnswer) => link.send(update + ending(reason, statusCode, fullAnswer))
  }
}

const succeeded = (reply: Message | undefined): boolean => {
  const result = reply?.result
  return typeof result === "object" && result !== null && "success" in result && result.success === true
}

interface Parts {
  readonly text: string
  readonly images: ReadonlyArray<Pictures.Picture>
}

const isText = Schema.is(TextPart)
const isImage = Schema.is(ImagePart)

/** Text and images of a prompt, or what is wrong with it. */
const readPrompt = (prompt: ReadonlyArray<unknown>): Parts | string => {
  const texts: Array<string> = []
  const images: Array<Pictures.Picture> = []
  for (const [index, part] of prompt.entries()) {
    if (isText(part)) texts.push(part.text)
    else if (isImage(part)) {
      const picture = Pictures.read("prompt", part.mimeType, part.data)
      if (picture === undefined) return `illegal base64 data in prompt[${index}]`
      images.push(picture)
    } else return `unsupported content in prompt[${index}]`
  }
  return { text: texts.join("\n"), images }
}

/** What is kept of a prompt: its pictures are told elsewhere. */
const withoutData = (part: unknown): unknown =>
  isImage(part) ? { ...part, data: `${part.data.length} characters` } : part

export const titleOf = (text: string): string => Array.from(text.trim()).slice(0, 30).join("")

export const make = (world: World.World): Rpc.Methods => {
  const ofSession = (run: (session: World.Session, raw: Rpc.Params) => Rpc.Reply): Rpc.Method =>
    Rpc.method(Schema.Struct({ ...SessionId, _meta: Meta }), (params, _link, raw) => {
      const id = params.sessionId || params.id
      const session = world.sessions.get(id)
      return session === undefined ? Rpc.failure(`session not found: ${id}`) : run(session, raw)
    })
  return {
    "session/new": Rpc.method(
      Schema.Struct({ cwd: Rpc.Go.string, mcpServers: Rpc.Go.list, _meta: Meta, timestamp: Rpc.Go.number }),
      (_params, link) => {
        if (World.standingFault(world, "hang_new")) return Rpc.silence
        if (world.account === undefined) return Rpc.failure("not logged in")
        const session: World.Session = { id: randomUUID(), model: "", mode: "" }
        world.sessions.set(session.id, session)
        return Rpc.result({ sessionId: session.id }, () =>
          link.notify("session/update", {
            sessionId: session.id,
            _meta: {},
            update: { sessionUpdate: "available_commands_update", availableCommands: [] }
          })
        )
      }
    ),
    "session/set_model": ofSession((session, raw) => {
      const modelId = raw["modelId"]
      if (typeof modelId !== "string") return Rpc.failure("json: cannot unmarshal into Go struct field modelId", -32602)
      if (Models.find(modelId) === undefined) return Rpc.failure(`model not found: ${modelId}`)
      session.model = modelId
      return Rpc.result({})
    }),
    "session/set_mode": ofSession((session, raw) => {
      session.mode = String(raw["modeId"] ?? "")
      return Rpc.result({})
    }),
    "session/cancel": ofSession((session) => {
      world.totals.cancels++
      World.stopTurns(world, "cancelled", (turn) => turn.sessionId === session.id)
      return Rpc.result({})
    }),
    "session/close": ofSession((session) => {
      World.stopTurns(world, "cancelled", (turn) => turn.sessionId === session.id)
      world.sessions.delete(session.id)
      return Rpc.result({})
    }),
    "session/load": ofSession(() => Rpc.result({})),
    "session/prompt": Rpc.method(
      Schema.Struct({ sessionId: Schema.String, prompt: Schema.Array(Schema.Unknown), _meta: Meta }),
      (params, link, raw) => {
        const requestId = params._meta["ai-coding/request-id"]
        if (typeof requestId !== "string" || requestId === "") return Rpc.failure("requestId is empty")
        const session = world.sessions.get(params.sessionId)
        if (session === undefined) return Rpc.failure(`session not found: ${params.sessionId}`)
        const prompt = readPrompt(params.prompt)
        if (typeof prompt === "string") return Rpc.failure(prompt, -32602)
        const named = params._meta["ai-coding/model"]
        const key = typeof named === "string" && named !== "" ? named : session.model
        const model = Models.find(key)
        if (model === undefined) return Rpc.failure(`model not found: ${key}`)
        if (world.account === undefined) return Rpc.failure("not logged in")
        const ids = { requestId, sessionId: session.id }
        World.remember(world, {
          method: "session/prompt",
          ...ids,
          model: key,
          text: prompt.text,
          params: { ...raw, prompt: params.prompt.map(withoutData) }
        })
        for (const picture of prompt.images) Pictures.remember(world, picture)
        const question = {
          text: prompt.text,
          images: prompt.images.map(Pictures.words),
          modelName: model.displayName,
          reasoning: model.isReasoning
        }
        const plan = Plan.make(world.standing, world.queue.shift(), question)
        if (Faults.has(plan.faults, "reject_prompt")) return Rpc.failure("prompt rejected")
        if (Faults.has(plan.faults, "wrong_id")) Rpc.wrongReply(link)
        const start = () => {
          Turns.play(world, link, ids, plan, voice(link, requestId, session.id, titleOf(prompt.text)))
        }
        if (!Faults.has(plan.faults, "never_answer")) return Rpc.bare(start)
        start()
        return Rpc.silence
      }
    )
  }
}
