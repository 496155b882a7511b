/**
 * The instances the settings ask for, each in a scope of its own.
 */
import { fileURLToPath } from "node:url"
import { type Array as Arr, Effect, Option, type Scope } from "effect"
import type { Backend } from "../Backend.ts"
import type { Settings } from "../Config.ts"
import { version } from "../Version.ts"
import * as LingmaBackend from "./LingmaBackend.ts"

/** Where Lingma's own HTTP server listens by default. */
const defaultHttpPort = 37510

const emulator = fileURLToPath(new URL("../../bin/lingma-emulator.js", import.meta.url))

/** One instance for now, in the plain work directory and on the plain port; the emulator keeps a directory beside it. */
export const make = (settings: Settings): Effect.Effect<Arr.NonEmptyReadonlyArray<Backend>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const emulated = Option.isNone(settings.lingmaBin)
    const backend = yield* LingmaBackend.make({
      id: "inst-0",
      emulated,
      startupTimeout: settings.startupTimeout,
      rpcTimeout: settings.rpcTimeout,
      version,
      launch: {
        command: Option.getOrElse(settings.lingmaBin, () => process.execPath),
        prefix: emulated ? [emulator] : [],
        workDir: emulated ? `${settings.lingmaWorkDir}-emulator` : settings.lingmaWorkDir,
        socketPort: settings.lingmaSocketPort,
        httpPort: defaultHttpPort,
        childEnv: settings.childEnv
      }
    })
    return [backend]
  })
