/**
 * Many chats at once against a program, each told by how it ended. Plain sockets: a client library would be the limit.
 */
import * as Http from "node:http"
import * as Secrets from "../support/Secrets.ts"
import { content, type Program } from "./support.ts"

/** `refused`: a status. `told`: an error event. `cut`: neither an end nor an error event. */
export type End = "whole" | "refused" | "told" | "cut" | "left"

export interface Outcome {
  readonly end: End
  readonly status: number
  readonly instance: string
  readonly text: string
}

export interface Ask {
  readonly prompt: string
  readonly stream?: boolean
  /** Leaves after so many milliseconds, or with the first piece of the answer. */
  readonly leaveAfter?: number | "first"
  /** Further fields of the body. */
  readonly more?: Readonly<Record<string, unknown>>
}

const agents = new Map<string, Http.Agent>()
const agentFor = (base: string) => {
  const agent = agents.get(base) ?? new Http.Agent({ keepAlive: true })
  agents.set(base, agent)
  return agent
}

/** Closes the connections that are kept for more. */
export const hangUp = ({ base }: Program): void => {
  agents.get(base)?.destroy()
  agents.delete(base)
}

const endOf = (stream: boolean, status: number, body: string, complete: boolean): End => {
  if (status !== 200) return "refused"
  if (!stream) return complete && body.includes('"finish_reason":"stop"') ? "whole" : "cut"
  if (body.includes('"error":{')) return body.includes("[DONE]") ? "cut" : "told"
  return complete && body.endsWith("data: [DONE]\n\n") ? "whole" : "cut"
}

export const ask = (program: Program, { leaveAfter, more, prompt, stream = true }: Ask): Promise<Outcome> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(program.base)
    let status = 0
    let body = ""
    let instance = ""
    const done = (end: End) => {
      clearTimeout(timer)
      if (end === "refused" || end === "told") Secrets.sweep("a chat's failure", body)
      resolve({ end, status, instance, text: stream ? content(body) : body })
    }
    const request = Http.request({
      agent: agentFor(program.base),
      hostname,
      port,
      path: "/v1/chat/completions",
      method: "POST",
      headers: { "content-type": "application/json" }
    })
    const leave = () => {
      request.destroy()
      done("left")
    }
    const timer = typeof leaveAfter === "number" ? setTimeout(leave, leaveAfter) : undefined
    request.on("error", () => done("cut"))
    request.on("response", (response) => {
      status = response.statusCode ?? 0
      instance = String(response.headers["x-lingma-instance"] ?? "")
      response.setEncoding("utf8").on("data", (part: string) => {
        body += part
        if (leaveAfter === "first" && status === 200) leave()
      })
      response.on("error", () => {})
      response.on("close", () => done(endOf(stream, status, body, response.complete)))
    })
    request.end(JSON.stringify({ model: "auto", stream, messages: [{ role: "user", content: prompt }], ...more }))
  })

/** Keeps `parallel` chats running until `next` has no more to ask. */
export const run = async (
  program: Program,
  parallel: number,
  next: () => Ask | undefined,
  each: (outcome: Outcome) => void
): Promise<void> => {
  const worker = async () => {
    for (let one = next(); one !== undefined; one = next()) each(await ask(program, one))
  }
  await Promise.all(Array.from({ length: parallel }, worker))
}

/** Numbers that are the same in every run. */
export const random = (seed: number) => () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return seed / 2 ** 32
}

export const tally = () => {
  const ends: Record<End, number> = { whole: 0, refused: 0, told: 0, cut: 0, left: 0 }
  const statuses: Record<string, number> = {}
  const instances: Record<string, number> = {}
  return {
    ends,
    statuses,
    instances,
    add: ({ end, instance, status }: Outcome) => {
      ends[end]++
      if (end === "refused") statuses[status] = (statuses[status] ?? 0) + 1
      if (instance !== "") instances[instance] = (instances[instance] ?? 0) + 1
    }
  }
}
