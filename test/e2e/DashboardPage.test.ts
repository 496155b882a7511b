import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Secrets from "../support/Secrets.ts"
import { type Dashboard, isClean, open, signIn, step } from "./dashboard.ts"
import { chat, control, eventually, json, lingmas, start, text } from "./support.ts"

const timeout = { timeout: 90_000 }

const by = (key: string): RequestInit => ({
  headers: { "content-type": "application/json", authorization: `Bearer ${key}` }
})
const slow = "[[emu tokens=2000 interval=50]]"
const good = "[[emu interval=0 tokens=3]]"

const account = ({ page }: Dashboard, name: string) => page.getByRole("article", { name })
const shows = (locator: ReturnType<Dashboard["page"]["locator"]>, words: string | RegExp) =>
  step(() => locator.filter({ hasText: words }).first().waitFor())

describe("the dashboard's accounts", () => {
  it.scopedLive(
    "show an instance that is killed, and when it serves again",
    () =>
      Effect.gen(function* () {
        const program = yield* start({ LINGMA_INSTANCE_COUNT: "2", LINGMA_EMULATOR_FAULT: "slow_start=1500" })
        const dashboard = yield* open(program)
        const killed = account(dashboard, "inst-1")
        yield* shows(killed, "serving")
        const lingma = lingmas(program).find(({ name }) => name === "inst-1")
        assert.isDefined(lingma)
        yield* step(async () => process.kill(lingma.pid, "SIGKILL"))
        yield* shows(killed, "restarting")
        yield* shows(dashboard.page.locator("#state"), "1 / 2")
        yield* shows(killed, "serving")
        yield* shows(dashboard.page.locator("#state"), "2 / 2")
        yield* shows(killed.locator(".facts div", { hasText: "Restarts" }), "1")
        yield* isClean(dashboard)
      }),
    timeout
  )

  it.scopedLive(
    "show until when one rests whose quota is used up, and let it try again",
    () =>
      Effect.gen(function* () {
        const program = yield* start({ LINGMA_INSTANCE_COUNT: "2" })
        yield* eventually(() => program.stdout().split('"state":"ready"').length > 2 || undefined, "two ready")
        for (const lingma of lingmas(program)) yield* control(lingma, "account", { spent: ["*"] })
        const dashboard = yield* open(program)
        const one = account(dashboard, "inst-0")
        yield* shows(one, "serving")
        assert.strictEqual((yield* Effect.tap(chat(program, good), text)).status, 429)
        yield* shows(one, /resting until (\d\d? \w+, )?\d\d:\d\d/)
        yield* shows(
          dashboard.page.locator("#state .notice"),
          /quota of inst-\d is used up, again at (\d\d? \w+, )?\d\d:\d\d/
        )
        yield* step(() => one.getByRole("button", { name: "Try again now" }).click())
        yield* shows(one, "serving")
        yield* isClean(dashboard)
      }),
    timeout
  )

  it.scopedLive(
    "are signed in by hand: at the address that is shown, and by the address where that browser ends",
    () =>
      Effect.gen(function* () {
        const program = yield* start(
          { LINGMA_EMULATOR_LOGIN: "required", LINGMA_EMULATOR_LOGIN_PAGE: "framed" },
          { ready: false }
        )
        yield* eventually(() => lingmas(program)[0], "a Lingma")
        const dashboard = yield* open(program)
        const { page } = dashboard
        const one = page.getByRole("article").first()
        yield* shows(one, "signed out")
        yield* step(() => one.getByRole("button", { name: /^Sign in: / }).click())
        yield* shows(one, "Waiting for you to sign in")
        const link = one.getByRole("link", { name: "Open the sign-in page" })
        const address = (yield* Effect.promise(() => link.getAttribute("href"))) ?? ""
        // A browser on another machine, which does not reach the address at which it ends.
        const ended = yield* Effect.promise(async () => {
          const elsewhere = await page.context().browser()!.newPage()
          const [ended] = await Promise.all([
            new Promise<string>((resolve) =>
              elsewhere.route("**/auth/callback*", (route) => {
                resolve(route.request().url())
                return route.abort()
              })
            ),
            elsewhere.goto(address).then(async () => {
              const form = elsewhere.frameLocator("iframe")
              await form.locator("[name=fm-login-id]").fill("ann")
              await form.locator("[name=fm-login-password]").fill("any")
              await form.getByRole("button").click()
            })
          ])
          await elsewhere.close()
          return ended
        })
        assert.include(ended, "/auth/callback?")
        yield* step(async () => {
          await one.getByLabel("Address the browser ended at").fill(ended)
          await one.getByRole("button", { name: "Finish" }).click()
        })
        yield* shows(one, "serving")
        yield* isClean(dashboard)
      }),
    timeout
  )
})

describe("the dashboard's keys", () => {
  const env = {
    ADMIN_KEYS: "admin-key-of-this-test",
    API_KEYS: "client-key-of-this-test",
    DATABASE_URL: "sqlite:keys.db"
  }

  it.scopedLive(
    "are shown to who signs in with an admin key, and to nobody else; what is added works at once",
    () =>
      Effect.gen(function* () {
        const program = yield* start(env)
        const dashboard = yield* open(program)
        const { page } = dashboard
        yield* signIn(dashboard, "nonsense")
        yield* shows(page.getByRole("alert"), "This key is wrong.")
        yield* signIn(dashboard, env.API_KEYS)
        yield* shows(page.getByRole("alert"), "it is no admin key")
        yield* signIn(dashboard, env.ADMIN_KEYS)
        const keys = page.locator("#keys")
        yield* shows(keys, "of the settings")

        yield* step(async () => {
          await keys.getByRole("button", { name: "Add a key" }).click()
          const dialog = page.getByRole("dialog")
          await dialog.getByLabel("Name").fill("key-1")
          await dialog.getByRole("button", { name: "Add a key" }).click()
          await dialog.getByRole("alert").filter({ hasText: "is named by API_KEYS" }).waitFor()
          await dialog.getByLabel("Name").fill("alice")
          await dialog.getByLabel("Tokens a day").fill("1000000")
          await dialog.getByRole("button", { name: "Add a key" }).click()
        })
        const dialog = page.getByRole("dialog", { name: "The key of alice" })
        const secret = yield* Effect.promise(() => dialog.locator("code").innerText())
        Secrets.keep(secret)
        assert.match(secret, /^sk-lgw-\w{40}$/)
        yield* step(() => dialog.getByRole("button", { name: "Close" }).click())
        assert.strictEqual((yield* Effect.tap(chat(program, good, {}, by(secret)), text)).status, 200)
        const alice = keys.getByRole("row").filter({ hasText: "alice" })
        yield* shows(alice, secret.slice(-4))
        yield* shows(page.locator("#requests").getByRole("row").filter({ hasText: "alice" }), "completed")
        const shown = yield* Effect.promise(() => page.content())
        for (const one of [secret, env.ADMIN_KEYS]) assert.notInclude(shown, one)

        yield* step(async () => {
          await page.locator("#connect").getByLabel("Key").selectOption("alice")
          await page.locator("#connect code").filter({ hasText: secret }).first().waitFor()
          await alice.getByRole("button", { name: "Revoke: alice" }).click()
          await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click()
          await alice.waitFor({ state: "detached" })
        })
        assert.strictEqual((yield* Effect.tap(chat(program, good, {}, by(secret)), text)).status, 401)
        yield* isClean(dashboard)
        yield* step(() => page.getByRole("button", { name: "Sign out" }).click())
        yield* step(() => page.getByLabel("Admin key").waitFor())
        assert.strictEqual(yield* Effect.promise(() => page.getByLabel("Admin key").inputValue()), "")
      }),
    timeout
  )
})

describe("the dashboard's chats", () => {
  it.scopedLive(
    "are stopped by a button, and the client is told",
    () =>
      Effect.gen(function* () {
        const program = yield* start()
        const dashboard = yield* open(program)
        const now = dashboard.page.locator("#now")
        yield* shows(now, "No chats are running.")
        const response = yield* chat(program, slow, { stream: true })
        const row = now.getByRole("row").filter({ hasText: "answering" })
        yield* step(() => row.getByRole("button", { name: /^Stop / }).click())
        const answer = yield* text(response)
        assert.include(answer, '"code":"chat_stopped"')
        assert.notInclude(answer, "[DONE]")
        yield* shows(now, "No chats are running.")
        const ended = dashboard.page.locator("#requests").getByRole("row").filter({ hasText: "chat_stopped" })
        yield* step(() => ended.getByRole("button", { name: /Details of/ }).click())
        yield* shows(dashboard.page.locator(".detail"), "An administrator stopped it.")
        yield* isClean(dashboard)
      }),
    timeout
  )

  it.scopedLive(
    "are found by filters, and hostile names of models are texts",
    () =>
      Effect.gen(function* () {
        const program = yield* start({ MODEL_ALIASES: "*=auto" })
        const dashboard = yield* open(program)
        const { page } = dashboard
        const hostile = "<img src=x onerror=alert(1)>"
        yield* chat(program, good, { model: hostile }).pipe(Effect.flatMap(text))
        yield* chat(program, good, { model: "auto" }).pipe(Effect.flatMap(text))
        const failed = yield* Effect.flatMap(chat(program, "[[emu finish_error=500 reason=<b>boom</b>]]"), json)
        assert.isDefined(failed.error)
        const rows = page.locator("#requests tbody").getByRole("row")
        yield* step(() => rows.nth(2).waitFor())
        yield* step(() => page.locator("#requests").getByLabel("Outcome").selectOption("failed"))
        yield* step(() => rows.nth(1).waitFor({ state: "detached" }))
        yield* step(() => rows.first().getByRole("button").click())
        yield* shows(page.locator(".detail .notice"), "<b>boom</b>")
        yield* step(async () => {
          await page.locator("#requests").getByRole("button", { name: "Clear filters" }).click()
          await rows.nth(2).waitFor()
          await page.locator("#requests").getByLabel("Model").fill(hostile)
        })
        assert.strictEqual(yield* Effect.promise(() => page.locator("main img, .detail b").count()), 0)
        yield* isClean(dashboard)
      }),
    timeout
  )
})
