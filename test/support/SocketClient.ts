/**
 * A client of `/v1/responses` over a WebSocket, which keeps all that it hears.
 */
import { Effect } from "effect"
import { type ClientOptions, WebSocket } from "ws"

export interface Heard {
  readonly type: string
  readonly [field: string]: unknown
}

export interface SocketClient {
  readonly ws: WebSocket
  readonly send: (message: unknown) => Effect.Effect<void>
  /** All messages so far, as they were sent. */
  readonly texts: ReadonlyArray<string>
  readonly heard: () => ReadonlyArray<Heard>
  /** The next answer: its messages up to and with the last one. */
  readonly answer: Effect.Effect<ReadonlyArray<Heard>>
  readonly until: (test: (heard: ReadonlyArray<Heard>) => boolean) => Effect.Effect<ReadonlyArray<Heard>>
  /** Once all that was sent has arrived. */
  readonly arrived: Effect.Effect<void>
  readonly closed: Effect.Effect<{ readonly code: number; readonly reason: string }>
}

export class Refused {
  readonly _tag = "Refused"
  readonly status: number
  readonly body: string
  constructor(status: number, body: string) {
    this.status = status
    this.body = body
  }
}

export const isLast = ({ type }: Heard) => /^(?:response\.(?:completed|incomplete|failed)|error)$/.test(type)

export const create = (more: Record<string, unknown> = {}) => ({
  type: "response.create",
  model: "auto",
  store: false,
  input: "hi",
  ...more
})

/** Closed with the scope. */
export const connect = (base: string, options: ClientOptions = {}) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<WebSocket, Refused>((resume) => {
        const ws = new WebSocket(`${base.replace(/^http/, "ws")}/v1/responses`, options)
        ws.on("error", () => {})
        ws.once("open", () => resume(Effect.succeed(ws)))
        ws.once("unexpected-response", (_, response) => {
          let body = ""
          response.setEncoding("utf8").on("data", (text: string) => {
            body += text
          })
          response.on("end", () => resume(Effect.fail(new Refused(response.statusCode ?? 0, body))))
        })
      }),
      (ws) => Effect.sync(() => ws.terminate())
    ),
    (ws): SocketClient => {
      const texts: Array<string> = []
      const all: Array<Heard> = []
      let seen = 0
      let end: { readonly code: number; readonly reason: string } | undefined
      const watchers = new Set<() => void>()
      const tell = () => {
        for (const watcher of [...watchers]) watcher()
      }
      ws.on("message", (data) => {
        texts.push(String(data))
        all.push(JSON.parse(String(data)) as Heard)
        tell()
      })
      ws.on("close", (code, reason) => {
        end = { code, reason: String(reason) }
        tell()
      })
      const heard = (): ReadonlyArray<Heard> => all
      const when = <A>(read: () => A | undefined) =>
        Effect.async<A>((resume) => {
          const watcher = () => {
            const value = read()
            if (value === undefined) return
            watchers.delete(watcher)
            resume(Effect.succeed(value))
          }
          watchers.add(watcher)
          watcher()
          return Effect.sync(() => watchers.delete(watcher))
        }).pipe(
          Effect.timeout("10 seconds"),
          Effect.catchAll(() =>
            Effect.dieMessage(`waited in vain; ${JSON.stringify(end)} ${texts.join("\n").slice(0, 2000)}`)
          )
        )
      return {
        ws,
        texts,
        heard,
        send: (message) => Effect.sync(() => ws.send(typeof message === "string" ? message : JSON.stringify(message))),
        answer: when(() => {
          const rest = heard().slice(seen)
          const last = rest.findIndex(isLast)
          if (last < 0) return undefined
          seen += last + 1
          return rest.slice(0, last + 1)
        }),
        until: (test) => when(() => (test(heard()) ? heard() : undefined)),
        arrived: Effect.async((resume) => {
          ws.once("pong", () => resume(Effect.void))
          ws.ping()
        }),
        closed: when(() => end)
      }
    }
  )
