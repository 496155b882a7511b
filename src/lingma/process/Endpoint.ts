/**
 * Where an instance's Lingma is to be found: a process of our own, or one that somebody else runs.
 */
import { Effect, type Scope } from "effect"
import type * as Discovery from "./Discovery.ts"
import * as LingmaProcess from "./LingmaProcess.ts"
import * as MachineToken from "./MachineToken.ts"
import * as Port from "./Port.ts"

export interface Endpoint {
  readonly url: string
  /** Its binary, or the note by which it was found. */
  readonly place?: string | undefined
  /** Sent along with each connection. */
  readonly headers?: Effect.Effect<Readonly<Record<string, string>>>
  /** Checked before each connection: nothing is ever said to a stranger on our port. */
  readonly isOurs: Effect.Effect<boolean>
  /** A process of ours: it ends with the scope, so one that does not answer any more can be replaced. */
  readonly isReplaceable: boolean
  /** Fails when this Lingma is no more to be found there. */
  readonly gone: Effect.Effect<never, LingmaProcess.ProcessExited>
}

/** Held as long as the scope; each time it is asked for, it is a new start or a new search. */
export type Find = Effect.Effect<Endpoint, LingmaProcess.ProcessExited, Scope.Scope>

export interface Launch extends Omit<LingmaProcess.LaunchOptions, "socketPort" | "httpPort"> {
  readonly ports: Port.Ports
  /** Wishes; 0 takes any, and a taken one is replaced. */
  readonly socketPort: number
  readonly httpPort: number
}

/** Starts a process of our own. */
export const launched = (launch: Launch): Find =>
  Effect.gen(function* () {
    const socketPort = yield* launch.ports.claim(launch.socketPort)
    const httpPort = yield* launch.ports.claim(launch.httpPort)
    if (launch.socketPort !== 0 && socketPort !== launch.socketPort) {
      yield* Effect.annotateLogs(Effect.logWarning("port taken, using another"), {
        wanted: launch.socketPort,
        socketPort
      })
    }
    const { exited, pid } = yield* LingmaProcess.make({ ...launch, socketPort, httpPort })
    return {
      url: `ws://127.0.0.1:${socketPort}/`,
      place: launch.command,
      headers: MachineToken.headers(launch.workDir, launch.command),
      isOurs: Port.belongsTo(socketPort, pid),
      isReplaceable: true,
      gone: exited
    }
  })

/** Uses a Lingma at a known address. */
export const at = (url: string): Find =>
  Effect.succeed({ url, isOurs: Effect.succeed(true), isReplaceable: false, gone: Effect.never })

/** Uses whatever Lingma `search` finds, and notices when it has moved. */
export const found = (search: Effect.Effect<Discovery.Found | undefined>): Find =>
  Effect.gen(function* () {
    const lingma = yield* search
    if (lingma === undefined) {
      return yield* new LingmaProcess.ProcessExited({ detail: "LINGMA_ATTACH: no running Lingma found" })
    }
    const moved = Effect.repeat(Effect.delay(search, "5 seconds"), { while: (now) => now?.url === lingma.url }).pipe(
      Effect.zipRight(new LingmaProcess.ProcessExited({ detail: "LINGMA_ATTACH: that Lingma is gone" }))
    )
    return {
      ...lingma,
      headers: MachineToken.headers(lingma.place, lingma.place),
      isOurs: Effect.succeed(true),
      isReplaceable: false,
      gone: moved
    }
  })
