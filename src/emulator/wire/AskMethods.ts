/**
 * The older dialect: `chat/ask`, with pushes sent as requests.
 */
import { randomUUID } from "node:crypto"
import { Schema } from "effect"
import * as Faults from "../script/Faults.ts"
import * as Plan from "../script/Plan.ts"
import * as Allowance from "../world/Allowance.ts"
import type { Link } from "../world/Link.ts"
import * as Pictures from "../world/Pictures.ts"
import * as World from "../world/World.ts"
import * as Cancel from "./Cancel.ts"
import * as Rpc from "./Rpc.ts"
import { voice as sessionVoice, titleOf } from "./SessionMethods.ts"
import type * as Turns from "./Turns.ts"
import { play } from "./Turns.ts"

/** The 17 fields of the plugins, and those that QoderCN adds. */
const AskParams = Schema.Struct({
  requestId: Rpc.Go.string,
  chatTask: Rpc.Go.string,
  chatContext: Rpc.Go.map,
  sessionId: Rpc.Go.string,
  codeLanguage: Rpc.Go.string,
  isReply: Rpc.Go.boolean,
  source: Rpc.Go.number,
  questionText: Rpc.Go.string,
  stream: Rpc.Go.boolean,
  taskDefinitionType: Rpc.Go.string,
  extra: Rpc.Go.map,
  sessionType: Rpc.Go.string,
  targetAgent: Rpc.Go.string,
  pluginPayloadConfig: Rpc.Go.map,
  mode: Rpc.Go.string,
  shellType: Rpc.Go.string,
  customModel: Rpc.Go.map,
  closeTypewriter: Rpc.Go.boolean
})

const modelKey = (extra: Readonly<Record<string, unknown>>): string => {
  const config = extra["modelConfig"]
  return typeof config === "object" && config !== null && "key" in config && typeof config.key === "string"
    ? config.key
    : ""
}

const answerTail = (requestId: string, sessionId: string): string =>
  `{"requestId":${JSON.stringify(requestId)},"sessionId":${JSON.stringify(sessionId)},"text":`

const voice = (link: Link, ids: Ids, plan: Plan.Plan, title: string, sessionType: string): Turns.Voice => {
  const { requestId, sessionId } = ids
  const answer = answerTail(requestId, sessionId)
  const others = [answerTail(`old-${requestId}`, sessionId), answerTail(randomUUID(), randomUUID())]
  const rest = (overwrite: boolean): string =>
    `,"overwrite":${overwrite},"isFiltered":false,"timestamp":${Date.now()},"extra":{"sessionType":${JSON.stringify(sessionType)}}}`
  const step = { requestId, sessionId, description: "", result: null, message: "" }
  const shared = sessionVoice(link, requestId, sessionId, title)
  let thinking = false
  const text = (delta: string): void => link.push("chat/answer", answer + JSON.stringify(delta) + rest(false))
  return {
    open: () => {
      link.request("chat/process_step_callback", { ...step, step: "step_start", status: "doing" })
      link.request("session/title/update", { sessionId, sessionTitle: title })
      link.request("chat/process_step_callback", { ...step, step: "step_end", status: "done" })
    },
    thought: (delta) => {
      if (plan.thinkInline) {
        if (!thinking) text("\n````think::{THINK_TIME}\n")
        text(delta)
      } else link.request("chat/think", { requestId, sessionId, text: delta, step: "start", timestamp: Date.now() })
      thinking = true
    },
    thoughtsDone: () => {
      if (plan.thinkInline) text("\n````\n")
      else link.request("chat/think", { requestId, sessionId, text: "", step: "done", timestamp: Date.now() })
    },
    text,
    blank: () => text(""),
    stale: () => {
      for (const other of others) link.push("chat/answer", `${other}"STALE"${rest(false)}`)
      const finish = { reason: "success", statusCode: 200, fullAnswer: "STALE" }
      link.request("chat/finish", { requestId: `old-${requestId}`, sessionId, ...finish })
    },
    overwrite: (whole) => link.push("chat/answer", answer + JSON.stringify(whole) + rest(true)),
    tool: (onReply) => {
      const call = { sessionId, requestId, projectPath: "", toolCallId: randomUUID(), parameters: { command: "id" } }
      const sync = { ...call, results: [], errorCode: "", errorMsg: "" }
      link.request("tool/call/sync", { ...sync, toolCallStatus: "RUNNING" })
      const invoke = { requestId, sessionId, toolCallId: call.toolCallId, name: "run_in_terminal" }
      link.request("tool/invoke", { ...invoke, parameters: call.parameters, async: false }, (reply) => {
        link.request("tool/call/sync", { ...sync, toolCallStatus: "REQUEST_FINISHED" })
        onReply(reply)
      })
    },
    permission: shared.permission,
    resume: shared.resume,
    replay: () => {},
    usage: (figures) => link.request("context/usage/sync", { requestId, sessionId, ...figures }),
    finish: (reason, statusCode, fullAnswer) =>
      link.request("chat/finish", { requestId, sessionId, reason, statusCode, fullAnswer })
  }
}

interface Ids {
  readonly requestId: string
  readonly sessionId: string
}

export const make = (world: World.World): Rpc.Methods => {
  const refuse = (requestId: string, errorMsg: string): Rpc.Reply =>
    Rpc.result({ success: false, isSuccess: false, requestId, errorMsg })
  return {
    "chat/ask": Rpc.method(AskParams, (params, link, raw) => {
      const requestId = params.requestId
      if (requestId === "") return Rpc.failure("requestId is empty")
      const key = modelKey(params.extra)
      const model = Allowance.find(world, key)
      if (model === undefined) return refuse(requestId, `model not found: ${key}`)
      if (world.account === undefined) return refuse(requestId, "not logged in")
      const sessionId = params.sessionId || randomUUID()
      const ids = { requestId, sessionId }
      const text = params.questionText
      World.remember(world, { method: "chat/ask", ...ids, model: key, text, params: raw })
      const images = Pictures.inContext(world, params.chatContext).map(Pictures.words)
      const question = {
        text,
        images,
        modelName: model.displayName,
        reasoning: model.isReasoning,
        limitTokens: model.max_input_tokens ?? 200_000,
        refusal: Allowance.refusalOf(world, model)
      }
      const plan = Plan.make(world.standing, world.queue.shift(), question)
      if (Faults.has(plan.faults, "auth_prompt")) return refuse(requestId, "user not login")
      if (Faults.has(plan.faults, "reject_prompt")) return refuse(requestId, "prompt rejected")
      if (Faults.has(plan.faults, "wrong_id")) Rpc.wrongReply(link)
      if (!world.sessions.has(sessionId))
        world.sessions.set(sessionId, { id: sessionId, model: key, mode: params.mode })
      const start = () => {
        play(world, link, ids, plan, voice(link, ids, plan, titleOf(text), params.sessionType))
      }
      if (!Faults.has(plan.faults, "never_answer")) {
        return Rpc.result({ success: true, isSuccess: true, requestId, sessionId, errorMsg: "" }, start)
      }
      start()
      return Rpc.silence
    }),
    "chat/stop": Rpc.method(Schema.Struct({ requestId: Rpc.Go.string }), ({ requestId }, _link, _raw, notified) =>
      requestId === ""
        ? Rpc.failure("requestId is empty")
        : Cancel.stop(world, (turn) => turn.requestId === requestId, notified)
    ),
    "chat/stopSession": Rpc.method(
      Schema.Struct({ sessionId: Rpc.Go.string }),
      ({ sessionId }, _link, _raw, notified) => Cancel.stop(world, (turn) => turn.sessionId === sessionId, notified)
    )
  }
}
