/**
 * Several gateways behind one HAProxy, over one PostgreSQL: their starts and ends, and a client that tells how each answer ended.
 */
import { readdirSync, readFileSync, statSync } from "node:fs"
import { request } from "node:http"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import * as Proxy from "../support/Proxy.ts"
import { content, eventually, type Program, start } from "./support.ts"

/** `broken`: the connection ended within the answer. `silent`: it ended as if whole, without its last event. */
export type End = "whole" | "told" | "broken" | "refused" | "silent"

export interface Answer {
  readonly mark: string
  readonly end: End
  readonly status: number
  readonly host: string
  readonly notStarted: boolean
  /** What the socket said, where it broke before there was an answer. */
  readonly reason?: string
}

const endOf = (status: number, body: string, isComplete: boolean): End => {
  if (status !== 200) return "refused"
  if (body.includes('"error":{')) return "told"
  if (!isComplete) return "broken"
  return body.endsWith("data: [DONE]\n\n") ? "whole" : "silent"
}

export interface Ask {
  readonly mark: string
  readonly session: string
  readonly tokens: number
  readonly interval: number
  /** At the first token, with the host that gives it. */
  readonly onBegun?: (host: string) => void
}

/** A streamed chat on a connection of its own; never sent twice. */
export const ask = (base: string, { interval, mark, onBegun, session, tokens }: Ask): Promise<Answer> =>
  new Promise((resolve) => {
    let body = ""
    let begun = false
    const sent = request(
      `${base}/v1/chat/completions`,
      { agent: false, method: "POST", headers: { "content-type": "application/json", "x-session-id": session } },
      (response) => {
        const header = (name: string) => String(response.headers[name] ?? "")
        const head = {
          mark,
          status: response.statusCode ?? 0,
          host: header("x-served-by"),
          notStarted: header("x-not-started") === "true"
        }
        response.setEncoding("utf8").on("data", (part: string) => {
          body += part
          if (begun || content(part.slice(0, part.lastIndexOf("\n") + 1)) === "") return
          begun = true
          onBegun?.(head.host)
        })
        response.on("error", () => {})
        response.on("close", () => resolve({ ...head, end: endOf(head.status, body, response.complete) }))
      }
    )
    sent.on("error", ({ message: reason }) =>
      resolve({ mark, status: 0, host: "", notStarted: false, end: "broken", reason })
    )
    const prompt = `[[emu mark=${mark} tokens=${tokens} interval=${interval} first=0]]`
    sent.end(JSON.stringify({ model: "auto", stream: true, messages: [{ role: "user", content: prompt }] }))
  })

export interface Host {
  readonly name: string
  readonly port: number
  /** Starts it where HAProxy looks for it; ended with the scope. */
  readonly start: Effect.Effect<Program, Error | string, Scope.Scope>
}

/** A host by name, with a port that it keeps over restarts. */
export const host = (name: string, env: Record<string, string>) =>
  Effect.map(
    Proxy.freePort,
    (port): Host => ({
      name,
      port,
      start: start(
        {
          GATEWAY_PORT: String(port),
          GATEWAY_HOST_ID: name,
          GATEWAY_MAX_IN_FLIGHT: "256",
          GATEWAY_SHED_LAG_MS: "0",
          ...env
        },
        { within: "1 minute" }
      )
    })
  )

/** What HAProxy sees of each host, such as `UP`, `DRAIN` or `DOWN 1/2`; from its page of figures. */
export const states = async (status: number): Promise<ReadonlyMap<string, string>> => {
  const rows = (await (await fetch(`http://127.0.0.1:${status}/;csv`)).text()).split("\n").map((row) => row.split(","))
  const at = rows[0]?.indexOf("status") ?? 0
  return new Map(rows.flatMap((row) => (row[0] === "gateways" ? [[row[1] ?? "", row[at] ?? ""] as const] : [])))
}

/** Waits until HAProxy sees these hosts so. */
export const seen = (status: number, wanted: Readonly<Record<string, RegExp>>) =>
  Effect.gen(function* () {
    let now: ReadonlyMap<string, string> = new Map()
    const look = Effect.map(
      Effect.promise(() => states(status)),
      (read) => {
        now = read
        return Object.entries(wanted).every(([name, state]) => state.test(read.get(name) ?? ""))
      }
    )
    yield* Effect.repeat(Effect.zipRight(Effect.sleep("50 millis"), look), { until: (isSo) => isSo }).pipe(
      Effect.timeoutFail({
        duration: "30 seconds",
        onTimeout: () => new Error(`never so: ${JSON.stringify([...now])}`)
      })
    )
  })

const logsIn = (dir: string): ReadonlyArray<string> =>
  readdirSync(dir).flatMap((name) => {
    const path = join(dir, name)
    const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
    return isFolder ? logsIn(path) : name === "lingma.log" ? [readFileSync(path, "utf8")] : []
  })

/** How often each chat was begun by a Lingma, by its mark, over all hosts; also those that have been killed. */
export const turns = (programs: ReadonlyArray<Program>): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const log of programs.flatMap(({ dir }) => logsIn(dir)))
    for (const [, mark = ""] of log.matchAll(/ turn (\S+) begun/g)) counts.set(mark, (counts.get(mark) ?? 0) + 1)
  return counts
}

const TOGETHER = 25

/** Many streams at once, each of a session of its own; begun in groups, and given when all have begun. */
export const streams = Effect.fnUntraced(function* (base: string, name: string, count: number, tokens: number) {
  const hosts = new Map<string, string>()
  const answers: Array<Promise<Answer>> = []
  const ended: Array<Answer> = []
  while (answers.length < count) {
    for (let i = 0; i < TOGETHER; i++) {
      const mark = `${name}-${answers.length}`
      const onBegun = (at: string) => hosts.set(mark, at)
      answers.push(ask(base, { mark, session: mark, tokens, interval: 100, onBegun }))
      void answers.at(-1)?.then((answer) => ended.push(answer))
    }
    yield* Effect.mapError(
      eventually(() => hosts.size === answers.length || undefined, "streams begun", "1 minute"),
      () => new Error(`${hosts.size} of ${answers.length} streams begun; ended: ${JSON.stringify(ended)}`)
    )
  }
  /** Where those are that run now. */
  const places = () => {
    const over = new Set(ended.map(({ mark }) => mark))
    return new Map([...hosts].filter(([mark]) => !over.has(mark)))
  }
  return { places, answers: Effect.promise(() => Promise.all(answers)) }
})

/** Short chats one after the other until it is stopped, each of another session. */
export const trickle = (base: string, name: string) => {
  const answers: Array<Answer> = []
  let isOn = true
  const worker = async (lane: number) => {
    for (let i = 0; isOn; i++) {
      const mark = `${name}-${lane}-${i}`
      answers.push(await ask(base, { mark, session: mark, tokens: 3, interval: 10 }))
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  const done = Promise.all([0, 1, 2, 3].map(worker))
  return Effect.promise(async () => {
    isOn = false
    await done
    return answers
  })
}

/**
 * Where the requests of each session go, one after the other: with more at once the bound on the load sends some elsewhere. Asked
 * until two say the same, since HAProxy may still count the one before.
 */
export const placesOf = (base: string, sessions: number) =>
  Effect.promise(async () => {
    const placeOf = async (session: string, last = ""): Promise<string> => {
      const answer = await fetch(`${base}/v1/models`, { headers: { "x-session-id": session } })
      await answer.text()
      const host = answer.headers.get("x-served-by") ?? ""
      return host === last ? host : placeOf(session, host)
    }
    const places = new Map<string, string>()
    for (let i = 0; i < sessions; i++) places.set(`s${i}`, await placeOf(`s${i}`))
    return places
  })
