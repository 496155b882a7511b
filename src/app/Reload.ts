/**
 * Reloads the settings when their file changes and at SIGHUP; refused ones are told in the log, and the old ones stay.
 */
import { closeSync, openSync } from "node:fs"
import { Context, Effect, Layer } from "effect"
import { checked, GatewayConfig } from "../config/Config.ts"
import { LiveSettings, make } from "../config/LiveSettings.ts"
import { isReadAgain, SettingsSource } from "../config/SettingsSource.ts"
import * as Fork from "../runtime/Fork.ts"
import * as SettingsWatch from "./SettingsWatch.ts"

/** The settings, read from the sources of the command line now and at each reload. */
export const settings: Layer.Layer<
  GatewayConfig | LiveSettings,
  Effect.Effect.Error<typeof checked>,
  SettingsSource
> = Layer.effectContext(
  Effect.gen(function* () {
    const { read } = yield* SettingsSource
    const first = yield* checked
    return Context.make(GatewayConfig, first).pipe(Context.add(LiveSettings, make(first, read)))
  })
)

const hasTerminal = (): boolean => {
  try {
    closeSync(openSync("/dev/tty", "r"))
    return true
  } catch {
    return false
  }
}

/** A terminal that is closed sends SIGHUP, too: nobody is there any more, and the gateway ends as it always did. */
const onHangUp = (reload: () => void) => {
  const isInTerminal = process.stdin.isTTY === true && hasTerminal()
  return () => {
    if (isInTerminal && !hasTerminal()) process.kill(process.pid, "SIGTERM")
    else reload()
  }
}

const signalled = (reload: Effect.Effect<unknown>) =>
  Effect.flatMap(Fork.make(), (fork) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const listener = onHangUp(() => fork(reload))
        process.on("SIGHUP", listener)
        return listener
      }),
      (listener) => Effect.sync(() => process.off("SIGHUP", listener))
    )
  )

/** Follows the file and the signal until the layer is closed. */
export const layer: Layer.Layer<never, never, LiveSettings | SettingsSource> = Layer.scopedDiscard(
  Effect.gen(function* () {
    const live = yield* LiveSettings
    const { file, text } = yield* SettingsSource
    // Told in the log by the reload itself.
    const reload = Effect.ignore(live.reload)
    if (process.platform !== "win32") yield* signalled(reload)
    // Each look at a pipe would wait for somebody who writes.
    if (isReadAgain(file)) yield* SettingsWatch.follow(file, reload, { text })
  })
)
