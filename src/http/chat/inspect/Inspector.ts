/**
 * Looks into requests while that is switched on: by INSPECT, or by an administrator for some time. Off, it costs a
 * request one look at a flag.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Cause, Context, Duration, Effect, Exit, Layer, type Scope } from "effect"
import type { GatewayConfig } from "../../../config/Config.ts"
import { LiveSettings } from "../../../config/LiveSettings.ts"
import * as RequestContext from "../../../observe/RequestContext.ts"
import * as Scoped from "../../../runtime/Scoped.ts"
import * as Auth from "../../edge/Auth.ts"
import * as KnownSecrets from "./KnownSecrets.ts"
import * as Record from "./Record.ts"
import { Records } from "./Records.ts"
import { Tap } from "./Tap.ts"

export const modes = ["off", "errors", "all"] as const
export type Mode = (typeof modes)[number]

export interface Switch {
  readonly mode: Mode
  /** Only requests of the key of this name. */
  readonly key: string | undefined
  /** How long; undefined for no end. */
  readonly millis: number | undefined
  /** Who switched it. */
  readonly by: string
}

interface Standing extends Omit<Switch, "millis"> {
  /** Milliseconds of the monotonic clock. */
  readonly endsAt: number | undefined
  /** The same since 1970. */
  readonly until: number | undefined
}

/** How often it is looked whether it is over, and whether records are too old; what is asked is always exact. */
const LOOK = "10 seconds"
const MEBIBYTE = 1024 * 1024
const SETTINGS = "INSPECT"

type Response = HttpServerResponse.HttpServerResponse
type Served<E, R> = Effect.Effect<Response, E, R>

const make = Effect.gen(function* () {
  const live = yield* LiveSettings.get
  const clock = yield* Effect.clock
  const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
  const records = new Records(() => ({
    bytes: live.current.inspectMb * MEBIBYTE,
    millis: Duration.toMillis(live.current.inspectHours)
  }))
  let chosen: Standing | undefined
  let isOn = false

  const standing = (): Standing => {
    if (chosen?.endsAt !== undefined && chosen.endsAt <= now()) chosen = undefined
    return chosen ?? { mode: live.current.inspect, key: undefined, endsAt: undefined, until: undefined, by: SETTINGS }
  }
  const look = () => {
    isOn = standing().mode !== "off"
    records.expire(now())
  }
  look()
  if (isOn) {
    const { inspect: mode } = live.current
    yield* Effect.annotateLogs(Effect.logWarning("requests are looked into"), { mode, by: SETTINGS })
  }
  let setting = live.current.inspect
  yield* live.follow({
    apply: ({ inspect }) => {
      // Who changes the setting means it.
      if (inspect !== setting) chosen = undefined
      setting = inspect
      look()
    }
  })
  yield* Effect.sleep(LOOK).pipe(Effect.zipRight(Effect.sync(look)), Effect.forever, Effect.forkScoped)

  const change = ({ by, key, millis, mode }: Switch) => {
    const end =
      millis === undefined ? undefined : { endsAt: now() + millis, until: clock.unsafeCurrentTimeMillis() + millis }
    chosen = { mode, key, by, ...(end ?? { endsAt: undefined, until: undefined }) }
    look()
  }

  const state = () => {
    const { by, key, mode, until } = standing()
    const isOff = mode === "off"
    return { mode, by, key: isOff ? undefined : key, until: isOff ? undefined : until, bytes: records.bytes }
  }

  const finish = (tap: Tap, mode: Mode, exit: Exit.Exit<unknown, unknown>) => {
    const head = Record.head(tap, Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause))
    const isMeant = mode === "all" || head.outcome === "failed" || head.outcome === "rejected"
    try {
      if (!isMeant) return
      const kept = Record.kept(tap, head)
      // What it took on its way makes place for it.
      tap.quota.release()
      records.keep(kept, now())
    } finally {
      tap.quota.release()
    }
  }

  const tapped = <E, R>(app: Served<E, R>, auth: Pick<typeof Auth.Auth.Service, "caller">) =>
    Effect.withFiberRuntime<Response, E, R | Scope.Scope>((fiber) => {
      const request = Context.unsafeGet(fiber.currentContext, HttpServerRequest.HttpServerRequest)
      const { key, mode } = standing()
      const { name } = auth.caller(request)
      if (mode === "off" || (key !== undefined && key !== name)) return app
      const own = Auth.keyOf(request)
      const context = RequestContext.of(fiber)
      const { headers, method, url } = request
      const startedAt = clock.unsafeCurrentTimeMillis()
      const secrets = [...(own === undefined ? [] : [own]), ...KnownSecrets.known(live.current)]
      const tap = new Tap({ id: context.id, method, url, headers, key: name, startedAt, secrets }, records, now)
      const ended = (exit: Exit.Exit<unknown, unknown>) => {
        context.tap = undefined
        finish(tap, mode, exit)
      }
      context.tap = tap
      return Effect.zipRight(
        Scoped.later(ended),
        Effect.map(app, (response) => tap.responded(response))
      )
    })

  /** The same, looked into where that is meant; closes the record with the request's scope. */
  const over =
    (auth: Pick<typeof Auth.Auth.Service, "caller">) =>
    <E, R>(app: Served<E, R>): Effect.Effect<Response, E, R | Scope.Scope> => {
      const looked = tapped(app, auth)
      return Effect.suspend(() => (isOn ? looked : app))
    }

  return {
    change,
    state,
    over,
    heads: () => records.heads(now()),
    find: (id: string) => records.find(id, now()),
    clear: () => records.clear()
  }
})

export class Inspector extends Context.Tag("lingma-gateway/http/Inspector")<
  Inspector,
  Effect.Effect.Success<typeof make>
>() {
  static readonly layer: Layer.Layer<Inspector, never, GatewayConfig> = Layer.scoped(Inspector, make)
}
