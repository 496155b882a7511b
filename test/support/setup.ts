/**
 * Before each file of the unit tests: what another file of the same process has left behind is put back.
 *
 * `layer` of @effect/vitest gives the one `it` that all files share methods which run in its own layer, clock included.
 */
import { it } from "@effect/vitest"
import { vi } from "vitest"

const key = Symbol.for("lingma-gateway/test/it")
const kept = globalThis as { [key]?: object }

const { effect, flakyTest, layer, live, prop, scoped, scopedLive } = it
kept[key] ??= { effect, flakyTest, layer, live, prop, scoped, scopedLive }
Object.assign(it, kept[key])
vi.restoreAllMocks()
vi.unstubAllEnvs()
vi.unstubAllGlobals()
