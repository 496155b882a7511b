/**
 * The newer dialect: `session/*` with its pushes in order.
 */
import { randomUUID } from "node:crypto"
import { Either, Schema } from "effect"
import * as Endings from "../script/Endings.ts"
import * as Faults from "../script/Faults.ts"
import * as Plan from "../script/Plan.ts"
import * as Allowance from "../world/Allowance.ts"
import type { Link, Message } from "../world/Link.ts"
import * as Pictures from "../world/Pictures.ts"
import * as World from "../world/World.ts"
import * as Cancel from "./Cancel.ts"
import * as Rpc from "./Rpc.ts"
import * as Turns from "./Turns.ts"

const Meta = Rpc.Go.map
const SessionId = { sessionId: Rpc.Go.string, id: Rpc.Go.string }

const TextPart = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String })
const ImagePart = Schema.Struct({
  type: Schema.Literal("image"),
  mimeType: Schema.String.pipe(Schema.pattern(/^image\/[a-z0-9.+-]+$/)),
  uri: Schema.String.pipe(Schema.pattern(/^(lingma|qodercn):\/\/\/agent\/file\?path=/)),
  data: Schema.optionalWith(Schema.String, { default: () => "" })
})

const decodeOutcome = Schema.decodeUnknownEither(
  Schema.Struct({ outcome: Schema.Struct({ outcome: Schema.Literal("selected"), optionId: Schema.String }) })
)

const head = (sessionId: string, meta: Record<string, unknown>): string =>
  `{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":${JSON.stringify(sessionId)},"_meta":${JSON.stringify(meta)},"update":`

const chunk = (kind: string): string => `{"sessionUpdate":"${kind}","content":{"type":"text","text":`

export const voice = (
  link: Link,
  requestId: string,
  sessionId: string,
  title: string,
  anonymous = false
): Turns.Voice => {
  const meta = { "ai-coding/request-id": requestId, "ai-coding/message-created-at": Date.now() }
  const update = head(sessionId, meta)
  const live = anonymous ? head(sessionId, { "ai-coding/streamed": true }) : update
  const message = live + chunk("agent_message_chunk")
  const thought = live + chunk("agent_thought_chunk")
  const replayed = head(sessionId, { "ai-coding/request-id": "", "ai-coding/turn-id": "", "ai-coding/streamed": false })
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
    resume: (onAnswer) => {
      const toolCall = { toolCallId: randomUUID(), title: "resume", kind: "other", reasonForCode: Endings.RESUMABLE }
      link.send(`${update}${JSON.stringify({ sessionUpdate: "tool_call", ...toolCall, status: "pending" })}}}`)
      const options = [
        { optionId: "resume", name: "Resume", kind: "allow_once" },
        { optionId: "cancel", name: "Cancel", kind: "reject_once" }
      ]
      link.request("session/request_permission", { sessionId, toolCall, options }, (reply) => {
        const accepted = optionOf(reply) === "resume"
        const { toolCallId } = toolCall
        const status = accepted ? "completed" : "failed"
        link.send(`${update}${JSON.stringify({ sessionUpdate: "tool_call_update", toolCallId, status })}}}`)
        onAnswer(accepted, reply)
      })
    },
    replay: () => {
      for (const kind of ["agent_thought_chunk", "agent_message_chunk"]) {
        link.send(`${replayed}${chunk(kind)}"REPLAYED"}}}}`)
      }
    },
    usage: (data) => {
      link.send(`${update}${JSON.stringify({ sessionUpdate: "notification", type: "context_usage", data })}}}`)
    },
    finish: (reason, statusCode, fullAnswer) => link.send(update + ending(reason, statusCode, fullAnswer))
  }
}

const succeeded = (reply: Message | undefined): boolean => {
  const result = reply?.result
  return typeof result === "object" && result !== null && "success" in result && result.success === true
}

/** The option selected by a reply to session/request_permission. */
const optionOf = (reply: Message | undefined): unknown =>
  Either.match(decodeOutcome(reply?.result), { onLeft: () => undefined, onRight: ({ outcome }) => outcome.optionId })

interface Parts {
  readonly text: string
  readonly images: ReadonlyArray<Pictures.Picture>
}

const isText = Schema.is(TextPart)
const isImage = Schema.is(ImagePart)

/** Text and images of a prompt, or an error message. */
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

/** A prompt part without image data, which is recorded elsewhere. */
const withoutData = (part: unknown): unknown =>
  isImage(part) ? { ...part, data: `${part.data.length} characters` } : part

const replyTo = (plan: Plan.Plan, start: () => void): Rpc.Reply =>
  plan.reply === "bare" ? Rpc.bare(start) : Rpc.result(plan.reply === "stop" ? { stopReason: "end_turn" } : {}, start)

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
        if (World.standingFault(world, "auth_new")) return Rpc.authRequired
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
      if (Allowance.find(world, modelId) === undefined) return Rpc.failure(`model not found: ${modelId}`)
      session.model = modelId
      return Rpc.result({})
    }),
    "session/set_mode": ofSession((session, raw) => {
      session.mode = String(raw["modeId"] ?? "")
      return Rpc.result({})
    }),
    "session/cancel": Rpc.method(Schema.Struct({ ...SessionId, _meta: Meta }), (params, _link, _raw, notified) =>
      Cancel.session(world, params.sessionId || params.id, notified)
    ),
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
        const model = Allowance.find(world, key)
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
          reasoning: model.isReasoning,
          limitTokens: model.max_input_tokens ?? 200_000,
          refusal: Allowance.refusalOf(world, model)
        }
        const plan = Plan.make(world.standing, world.queue.shift(), question)
        if (Faults.has(plan.faults, "auth_prompt")) return Rpc.authRequired
        if (Faults.has(plan.faults, "reject_prompt")) return Rpc.failure("prompt rejected")
        if (Faults.has(plan.faults, "wrong_id")) Rpc.wrongReply(link)
        const start = () => {
          const anonymous = Faults.has(plan.faults, "no_request_id")
          Turns.play(world, link, ids, plan, voice(link, requestId, session.id, titleOf(prompt.text), anonymous))
        }
        if (!Faults.has(plan.faults, "never_answer")) return replyTo(plan, start)
        start()
        return Rpc.silence
      }
    )
  }
}
