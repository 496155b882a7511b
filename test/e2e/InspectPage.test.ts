import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Dashboard, findings, isClean, open, signIn, step } from "./dashboard.ts"
import { chat, start, text } from "./support.ts"

const ADMIN = "admin-key-of-this-test"
const ANN = "client-key-of-this-test"
const hostile = '<img src=x onerror="document.title=1"><b class=hostile>&amp;</b>'
const prompt = `[[emu interval=0 text="all is <b class=hostile>well</b>"]] ${hostile}`

const shows = (locator: ReturnType<Dashboard["page"]["locator"]>, words: string | RegExp) =>
  step(() => locator.filter({ hasText: words }).first().waitFor())

describe("the dashboard's look into a request", () => {
  it.scopedLive(
    "is switched on for a time, says so in red, shows what a request held, runs it again, and is switched off by one press",
    () =>
      Effect.gen(function* () {
        const program = yield* start({ ADMIN_KEYS: ADMIN, API_KEYS: ANN })
        const ask = (id: string) => {
          const headers = { "content-type": "application/json", authorization: `Bearer ${ANN}`, "x-request-id": id }
          return Effect.flatMap(chat(program, prompt, { stream: true }, { headers }), text)
        }
        yield* ask("before-1")
        const dashboard = yield* open(program)
        const { page } = dashboard
        const requests = page.locator("#requests")
        const notice = page.locator("#state .notice.bad")
        yield* signIn(dashboard, ADMIN)
        const opener = (id: string) => requests.getByRole("button", { name: `Details of ${id}` })
        yield* step(() => opener("before-1").press("Enter"))
        yield* shows(requests, "Nothing is kept of what this request held. Looking into requests is off.")
        yield* step(() => opener("before-1").press("Enter"))

        yield* step(async () => {
          await requests.getByRole("button", { name: "Look into requests…" }).press("Enter")
          const dialog = page.getByRole("dialog")
          await dialog.getByLabel("Only of this key").fill("nobody's")
          await dialog.getByRole("button", { name: "Switch on" }).click()
          await dialog.getByRole("status").filter({ hasText: "there is no key of this name" }).waitFor()
          await dialog.getByLabel("Only of this key").fill("")
          await dialog.getByLabel("Which").selectOption("All requests")
          await dialog.getByLabel("For").selectOption("15 minutes")
        })
        assert.deepStrictEqual(yield* findings(dashboard), [])
        yield* step(() => page.getByRole("dialog").getByRole("button", { name: "Switch on" }).press("Enter"))
        yield* shows(
          notice,
          /All requests are looked into: .* Switched on by a key of ADMIN_KEYS\. It ends at .*\d\d:\d\d\./
        )

        const streamed = yield* ask("kept-1")
        yield* step(() => opener("kept-1").press("Enter"))
        yield* step(() => requests.getByRole("button", { name: "Look into kept-1" }).press("Enter"))
        const shown = (label: string) => requests.getByRole("region", { name: `${label}, kept-1`, exact: true })
        yield* shows(shown("Request"), hostile.replaceAll('"', '\\"'))
        yield* shows(requests.getByRole("region", { name: /^Prompt, as it was sent, Question 1/ }), hostile)
        yield* shows(requests.getByRole("region", { name: /^What Lingma pushed/ }), /\+\d+ ms {2}text/)
        yield* shows(shown("Answer"), "all is <b class=hostile>well</b>")
        yield* step(() => requests.getByText("As it went to the client").first().click())
        yield* shows(shown("As it went to the client"), streamed.trim().split("\n")[0] ?? "")
        yield* step(async () => assert.strictEqual(await page.locator("#requests :is(img, .hostile)").count(), 0))

        yield* step(async () => {
          await page.context().grantPermissions(["clipboard-read", "clipboard-write"])
          await requests.getByRole("button", { name: "Copy: As curl" }).click()
          await page.getByText("Copied").first().waitFor()
          const copied = await page.evaluate(() => navigator.clipboard.readText())
          assert.include(copied, `curl '${program.base}/v1/chat/completions'`)
          assert.include(copied, "authorization: Bearer YOUR-KEY")
          assert.include(copied, JSON.stringify(prompt))
          assert.notInclude(copied, ANN)
        })

        const again = requests.getByRole("button", { name: "Run again" })
        yield* step(() => again.press("Enter"))
        // An admin key alone may not chat: the page asks for one that may.
        yield* step(() => requests.getByLabel("API key").fill(ANN))
        yield* step(() => again.press("Enter"))
        yield* shows(requests.getByRole("heading", { name: /^New answer: 200/ }), "New answer")
        yield* shows(shown("New answer"), "all is <b class=hostile>well</b>")
        yield* step(() => requests.getByLabel("Model", { exact: true }).last().fill("no-such-model"))
        yield* step(() => again.press("Enter"))
        yield* shows(shown("New answer"), "no-such-model")
        yield* step(() =>
          requests
            .getByRole("button", { name: /Details of replay-/ })
            .first()
            .waitFor()
        )

        assert.deepStrictEqual(yield* findings(dashboard), [])
        yield* step(() => page.setViewportSize({ width: 360, height: 740 }))
        const width = yield* Effect.promise(() => page.evaluate(() => document.documentElement.scrollWidth))
        assert.strictEqual(width, 360)
        yield* step(() => page.getByLabel("Language").selectOption("中文"))
        yield* shows(notice, "正在查看所有请求")
        yield* step(() => notice.getByRole("button", { name: "关闭" }).press("Enter"))
        yield* step(() => notice.waitFor({ state: "detached" }))
        yield* isClean(dashboard)
      }),
    { timeout: 120_000 }
  )
})
