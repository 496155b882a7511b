import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chromium } from "playwright"
import * as BrowserPath from "../../src/lingma/login/BrowserPath.ts"
import { start } from "./support.ts"

interface Described {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly summary: string }>>>>
}

const browser = Effect.acquireRelease(
  Effect.promise(() => {
    const executablePath = BrowserPath.find(process.env["AUTO_LOGIN_BROWSER"], undefined)
    const args = process.getuid?.() === 0 ? ["--no-sandbox"] : []
    return chromium.launch({ ...(executablePath === undefined ? {} : { executablePath }), args })
  }),
  (browser) => Effect.promise(() => browser.close())
)

describe("/docs", () => {
  it.scopedLive(
    "shows every operation in a browser, and asks no other host",
    () =>
      Effect.gen(function* () {
        const program = yield* start()
        const page = yield* Effect.flatMap(browser, (browser) => Effect.promise(() => browser.newPage()))
        const asked: Array<string> = []
        const complaints: Array<string> = []
        page.on("request", (request) => {
          if (!request.url().startsWith("data:")) asked.push(new URL(request.url()).origin)
        })
        page.on("pageerror", (error) => complaints.push(error.message))
        yield* Effect.promise(() => page.goto(`${program.base}/docs`))
        const shown = page.locator(".opblock")
        yield* Effect.promise(() => shown.first().waitFor())
        const spec = yield* Effect.promise(
          async () => (await (await fetch(`${program.base}/openapi.json`)).json()) as Described
        )
        const summaries = Object.values(spec.paths).flatMap((methods) =>
          Object.values(methods).map(({ summary }) => summary)
        )
        const texts = yield* Effect.promise(() => page.locator(".opblock-summary-description").allTextContents())
        assert.deepStrictEqual([...texts].sort(), summaries.sort())
        const chat = page.locator(".opblock", { hasText: "/v1/chat/completions" }).first()
        yield* Effect.promise(() => chat.click())
        yield* Effect.promise(() => chat.locator(".responses-wrapper").waitFor())
        assert.include(yield* Effect.promise(() => chat.textContent()), "x-request-id")
        assert.deepStrictEqual([...new Set(asked)], [program.base])
        assert.deepStrictEqual(complaints, [])
      }),
    { timeout: 60_000 }
  )
})
