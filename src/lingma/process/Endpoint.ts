/**
 * Locates the Lingma of an instance: starts a process, or attaches to one that is already running.
 */
import { Effect, type Scope } from "effect"
import type * as Discovery from "./Discovery.ts"
import * as LingmaProcess from "./LingmaProcess.ts"
import * as MachineToken from "./MachineToken.ts"
import * as Port from "./Port.ts"

export interface Endpoint {
  readonly url: string
  /** Path of its binary, or of the info file by which it was found. */
  readonly place?: string | undefined
  /** Headers of each connection. */
  readonly headers?: Effect.Effect<Readonly<Record<string, string>>>
  /** Checked before each connection, so that no data goes to another program on the same port. */
  readonly isOurs: Effect.Effect<boolean>
  /** True for our own process, which ends with the scope and can be restarted if it stops responding. */
  readonly isReplaceable: boolean
  /** Fails when this Lingma has exited or moved. */
  readonly gone: Effect.Effect<never, LingmaProcess.ProcessExited>
}

/** Starts or searches anew each time it is run; the result is valid until the scope closes. */
export type Find = Effect.Effect<Endpoint, LingmaProcess.ProcessExited, Scope.Scope>

export interface Launch extends Omit<LingmaProcess.LaunchOptions, "socketPort" | "httpPort"> {
  readonly ports: Port.Ports
  /** Preferred port; 0 = any free one. A port in use is replaced by a free one. */
  readonly socketPort: number
  readonly httpPort: number
}

/** Starts our own process. */
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

/** Attaches to a Lingma at a known address. */
export const at = (url: string): Find =>
  Effect.succeed({ url, isOurs: Effect.succeed(true), isReplaceable: false, gone: Effect.never })

/** Attaches to the Lingma that `search` finds, and detects when it has moved. */
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
