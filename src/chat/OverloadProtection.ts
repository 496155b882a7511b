/**
 * Rejects new chats, before the queue, while the event loop lags or memory runs short.
 */
import { totalmem } from "node:os"
import { getHeapStatistics } from "node:v8"
import { Context, Effect, Layer, Random } from "effect"
import type { GatewayConfig } from "../config/Config.ts"
import { LiveSettings } from "../config/LiveSettings.ts"
import { Shed } from "../domain/ChatError.ts"
import * as OverloadPolicy from "../domain/OverloadPolicy.ts"
import * as MetricKeys from "../observe/MetricKeys.ts"
import { Metrics } from "../observe/Metrics.ts"

export interface LoadOptions {
  /** Read at each check. */
  readonly limits: OverloadPolicy.Limits
  /** For tests. Default: the share that this process uses. */
  readonly memoryShare?: () => number
}

/** Between two checks, in ms. */
const PERIOD = 250

/** Used share of the heap's limit or of the container's memory limit, whichever is higher. */
const memoryUsed = (): number => {
  const { heap_size_limit: most, used_heap_size: used } = getHeapStatistics()
  const granted = process.constrainedMemory()
  const isBound = granted > 0 && granted < totalmem()
  return Math.max(used / most, isBound ? process.memoryUsage.rss() / granted : 0)
}

/** Default: rejects nothing. */
export class OverloadProtection extends Context.Reference<OverloadProtection>()(
  "lingma-gateway/chat/OverloadProtection",
  {
    defaultValue: (): { readonly admit: Effect.Effect<void, Shed> } => ({ admit: Effect.void })
  }
) {
  static readonly make = Effect.fnUntraced(function* ({ limits, memoryShare = memoryUsed }: LoadOptions) {
    const clock = yield* Effect.clock
    const { mark, observe } = yield* Metrics
    const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
    let state = OverloadPolicy.calm
    let due = now() + PERIOD
    const check = Effect.suspend(() => {
      const at = now()
      const before = state.shedding
      state = OverloadPolicy.next(state, { lagMillis: at - due, memoryShare: memoryShare() }, limits)
      due = at + PERIOD
      if (state.shedding === before) return Effect.void
      return Effect.logWarning(state.shedding ? "overload: rejecting new chats" : "overload over: accepting new chats")
    })
    observe(
      "overload protection",
      Effect.sync(() => [{ key: MetricKeys.shedding, value: state.shedding ? 1 : 0 }])
    )
    yield* Effect.sleep(PERIOD).pipe(Effect.zipRight(check), Effect.forever, Effect.interruptible, Effect.forkScoped)
    const refuse = Effect.flatMap(Random.nextIntBetween(2, 6), (retryAfter) => {
      mark(MetricKeys.shed, 1)
      return Effect.fail(new Shed({ retryAfter }))
    })
    return { admit: Effect.suspend(() => (state.shedding ? refuse : Effect.void)) }
  })

  static readonly layerFromConfig: Layer.Layer<never, never, GatewayConfig | Metrics> = Layer.scoped(
    OverloadProtection,
    Effect.flatMap(LiveSettings.get, (live) =>
      OverloadProtection.make({
        limits: {
          get lagMillis() {
            return live.current.shedLag
          },
          get memoryShare() {
            return live.current.shedMemoryPercent / 100
          }
        }
      })
    )
  )
}
