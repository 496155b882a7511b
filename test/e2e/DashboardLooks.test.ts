import { readFileSync } from "node:fs"
import { gzipSync } from "node:zlib"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { type Dashboard, findings, isClean, open, step } from "./dashboard.ts"
import { chat, type Program, start, text } from "./support.ts"

class Gateway extends Context.Tag("test/Gateway")<Gateway, Program>() {}

/** With a chat that ended and one that failed. */
const used = Effect.gen(function* () {
  const program = yield* start({ LINGMA_INSTANCE_COUNT: "2" })
  yield* Effect.flatMap(chat(program, "[[emu interval=0 tokens=3]]"), text)
  yield* Effect.flatMap(chat(program, "[[emu finish_error=500]]"), text)
  return program
})

const ready = ({ page }: Dashboard) => step(() => page.locator("#requests tbody").getByRole("row").nth(1).waitFor())

/** What opens, open. */
const unfold = ({ page }: Dashboard) =>
  step(async () => {
    await page.locator("#requests .opener").first().click()
    // One table of figures is as the others, and axe takes minutes for thousands of cells.
    await page.getByLabel("Range").selectOption("30 days")
    await page.locator("#plots summary").first().click()
    await page.locator("#plots tbody").getByRole("row").nth(29).waitFor()
  })

const options = { timeout: "60 seconds", excludeTestServices: true } as const
layer(Layer.scoped(Gateway, used), options)("the dashboard", (it) => {
  const opened = (context: Parameters<typeof open>[1] = {}) =>
    Effect.gen(function* () {
      const dashboard = yield* open(yield* Gateway, context)
      yield* ready(dashboard)
      return dashboard
    })
  const timeout = { timeout: 90_000 }

  for (const [what, context] of [
    ["light", { colorScheme: "light" }],
    ["dark, on a phone", { colorScheme: "dark", viewport: { width: 360, height: 740 } }]
  ] as const) {
    it.scoped(
      `has no findings of axe-core: ${what}`,
      () =>
        Effect.gen(function* () {
          const dashboard = yield* opened({ ...context, bypassCSP: true })
          yield* unfold(dashboard)
          assert.deepStrictEqual(yield* findings(dashboard), [])
          yield* step(async () => {
            await dashboard.page.getByRole("button", { name: "Add a key" }).click()
            await dashboard.page.getByRole("dialog").waitFor()
          })
          assert.deepStrictEqual(yield* findings(dashboard), [])
        }),
      { timeout: 180_000 }
    )
  }

  it.scoped(
    "fits into 360 pixels, with all that opens open",
    () =>
      Effect.gen(function* () {
        const dashboard = yield* opened({ viewport: { width: 360, height: 740 } })
        yield* unfold(dashboard)
        const width = yield* Effect.promise(() => dashboard.page.evaluate(() => document.documentElement.scrollWidth))
        assert.strictEqual(width, 360)
        yield* isClean(dashboard)
      }),
    timeout
  )

  it.scoped(
    "is dark or light as the browser prefers, until somebody switches",
    () =>
      Effect.gen(function* () {
        const dashboard = yield* opened({ colorScheme: "dark" })
        const { page } = dashboard
        const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
        const dark = yield* Effect.promise(ground)
        yield* step(() => page.getByLabel("Theme").selectOption("Light"))
        const light = yield* Effect.promise(ground)
        assert.deepStrictEqual([dark, light], ["rgb(18, 21, 23)", "rgb(246, 247, 247)"])
        yield* isClean(dashboard)
      }),
    timeout
  )

  it.scoped(
    "speaks the browser's language, Chinese here, until somebody switches",
    () =>
      Effect.gen(function* () {
        const dashboard = yield* opened({ locale: "zh-CN" })
        const { page } = dashboard
        const lang = () => page.evaluate(() => document.documentElement.lang)
        assert.deepStrictEqual(yield* Effect.promise(() => page.getByRole("heading", { level: 2 }).allInnerTexts()), [
          "状态",
          "账号",
          "密钥",
          "当前",
          "请求",
          "图表",
          "接入"
        ])
        assert.strictEqual(yield* Effect.promise(lang), "zh-CN")
        yield* step(() => page.getByLabel("语言").selectOption("English"))
        yield* step(() => page.getByRole("heading", { name: "Accounts" }).waitFor())
        assert.strictEqual(yield* Effect.promise(lang), "en-GB")
        yield* isClean(dashboard)
      }),
    timeout
  )

  it.scoped(
    "is used by the keyboard alone, with the focus always to be seen",
    () =>
      Effect.gen(function* () {
        const dashboard = yield* opened()
        const { page } = dashboard
        const focused = () =>
          page.evaluate(() => {
            const { activeElement: one } = document
            if (one === null || one === document.body) return undefined
            const { outlineStyle, outlineWidth } = getComputedStyle(one)
            return {
              name: one.getAttribute("aria-label") ?? one.textContent ?? "",
              isSeen: outlineStyle !== "none" && outlineWidth !== "0px"
            }
          })
        /** Goes on to what bears that name. */
        const tabTo = async (name: string) => {
          for (let i = 0; i < 120; i++) {
            await page.keyboard.press("Tab")
            const now = await focused()
            if (now === undefined) continue
            assert.isTrue(now.isSeen, `the focus on ${now.name} cannot be seen`)
            if (now.name.includes(name)) return
          }
          assert.fail(`no way to ${name} by the keyboard`)
        }
        yield* step(async () => {
          await tabTo("Skip to the content")
          await page.keyboard.press("Enter")
          await tabTo("Add a key")
          await page.keyboard.press("Enter")
          await page.getByRole("dialog", { name: "Add a key" }).waitFor()
          assert.isTrue(
            await page.getByLabel("Name", { exact: true }).evaluate((one) => one === document.activeElement)
          )
          await page.keyboard.press("Escape")
          await page.getByRole("dialog").waitFor({ state: "detached" })
          assert.include((await focused())?.name, "Add a key")
          await tabTo("Details of")
          await page.keyboard.press("Enter")
          await page.locator(".detail").waitFor()
          await tabTo("Requests by outcome.")
          const value = () => page.evaluate(() => document.activeElement?.getAttribute("aria-valuetext"))
          const last = await value()
          await page.keyboard.press("ArrowLeft")
          assert.notStrictEqual(await value(), last)
          assert.include(await value(), "completed")
          await tabTo("As a table")
          await page.keyboard.press("Enter")
          await page.getByRole("table", { name: "Requests by outcome" }).waitFor()
        })
        yield* isClean(dashboard)
      }),
    timeout
  )

  it.scoped(
    "tells times by the server's clock where the browser's is three hours ahead",
    () =>
      Effect.gen(function* () {
        const program = yield* Gateway
        const dashboard = yield* open(program)
        const { page } = dashboard
        yield* step(async () => {
          await page.addInitScript(() => {
            const { now } = Date
            Date.now = () => now() + 3 * 3_600_000
          })
          await page.reload()
        })
        yield* ready(dashboard)
        const up = page.locator("#state .facts div").filter({ hasText: "Up" }).locator("dd")
        assert.match(yield* Effect.promise(() => up.innerText()), /^\d+(\.\d)? s$|^\d+ min/)
      }),
    timeout
  )
})

describe("the dashboard's files", () => {
  it("are at most 45 kB in all, compressed as they are sent", () => {
    const dist = new URL("../../dist/dashboard/", import.meta.url)
    const html = readFileSync(new URL("index.html", dist), "utf8")
    const files = [...html.matchAll(/dashboard\/(assets\/[^"]+)/g)].map(([, file]) => file!)
    assert.isAtLeast(files.length, 3)
    const sizes = ["index.html", ...files].map((file) => gzipSync(readFileSync(new URL(file, dist))).length)
    assert.isAtMost(
      sizes.reduce((sum, size) => sum + size, 0),
      45_000
    )
    assert.notMatch(html, /<style|<script>|style=|onload=/)
  })
})

describe("a dashboard that is left open", () => {
  it.scopedLive(
    "says that the gateway is gone, and comes back by itself when it is started again",
    () =>
      Effect.gen(function* () {
        const first = yield* start()
        const dashboard = yield* open(first)
        const { page } = dashboard
        const state = page.locator("#state")
        yield* step(() => state.getByText("1 / 1").waitFor())
        yield* step(async () => {
          first.child.kill("SIGTERM")
          await first.exited
        })
        const gone = state.getByRole("alert").filter({ hasText: "The gateway does not answer." })
        yield* step(() => gone.waitFor())
        // Said once, and not by each part of the page.
        yield* step(() =>
          page.getByRole("alert").filter({ hasText: "does not answer" }).nth(1).waitFor({ state: "detached" })
        )
        yield* start({ GATEWAY_PORT: new URL(first.base).port })
        yield* step(() => gone.waitFor({ state: "detached", timeout: 40_000 }))
        yield* step(() => state.getByText("1 / 1").waitFor())
        yield* isClean(dashboard)
      }),
    { timeout: 90_000 }
  )
})
