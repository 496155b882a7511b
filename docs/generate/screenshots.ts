/**
 * Takes the pictures of `docs/dashboard.md`: a real gateway over emulators, with some history, in a real Chromium.
 * `npm run screenshots -- hosts` takes only those of many hosts.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { type Dashboard, open, signIn, step } from "../../test/e2e/dashboard.ts"
import { chat, control, eventually, lingmas, type Program, start, text } from "../../test/e2e/support.ts"
import * as History from "./History.ts"
import * as HostPictures from "./HostPictures.ts"

const images = fileURLToPath(new URL("../images", import.meta.url))
const ADMIN = "admin-key"
const WIDTH = 1200
const HEIGHT = 800

const people = [
  { name: "alice", client: "claude-code", model: "claude-sonnet-4-5", limits: { requests_per_minute: 60 } },
  {
    name: "bob",
    client: "codex",
    model: "auto",
    limits: { requests_per_minute: 30, max_in_flight: 4, models: ["qwen*", "auto"] }
  },
  { name: "ci", client: "opencode", model: "kmodel", limits: {} },
  // Without a history, so that its limit and what it used agree.
  { name: "dora", client: "qwen-code", model: "auto", limits: { tokens_per_day: 6_000, requests_per_minute: 20 } }
] as const

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "dashboard-"))),
  (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
)

interface Made extends History.Person {
  readonly key: string
}

const addKeys = (program: Program) =>
  Effect.forEach(people, ({ limits, ...person }) =>
    Effect.promise(async () => {
      const response = await fetch(`${program.base}/internal/keys`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${ADMIN}` },
        body: JSON.stringify({ name: person.name, ...limits })
      })
      return { ...person, ...((await response.json()) as { readonly id: string; readonly key: string }) } satisfies Made
    })
  )

const by = ({ client, key }: Made): RequestInit => ({
  headers: { "content-type": "application/json", authorization: `Bearer ${key}`, "user-agent": `${client}/1.0` }
})

/** One account has used up its quota, one is signed out, and some chats run. */
const happen = (program: Program, made: ReadonlyArray<Made>) =>
  Effect.gen(function* () {
    const [, second, third] = lingmas(program)
    if (second !== undefined) yield* control(second, "account", { spent: ["*"] })
    for (const one of made)
      for (let n = 0; n < 6; n++)
        yield* Effect.flatMap(chat(program, "[[emu interval=5 tokens=40]]", { model: one.model }, by(one)), text)
    yield* Effect.flatMap(chat(program, "[[emu finish_error=500]]", {}, by(made[0]!)), text)
    if (third !== undefined) yield* control(third, "logout")
    for (const [n, one] of [...made, ...made.slice(0, 2)].entries())
      yield* chat(program, `[[emu interval=${60 + 10 * n} tokens=20000]]`, { stream: true, model: one.model }, by(one))
  })

const parts = ["state", "keys", "now", "requests", "plots", "connect"] as const

const shoot = ({ page }: Dashboard, suffix: string) =>
  step(async () => {
    await page.locator("#requests tbody").getByRole("row").nth(5).waitFor()
    await page.locator("#plots .plot").nth(3).waitFor()
    await Promise.all([
      page.waitForResponse((response) => response.url().includes("range=24h")),
      page.getByLabel("Range").selectOption("24 hours")
    ])
    await page.locator("#requests .opener").first().click()
    for (const part of parts) {
      await page.evaluate((id) => {
        if (id === "state") scrollTo({ top: 0, behavior: "instant" })
        else document.getElementById(id)?.scrollIntoView({ behavior: "instant" })
      }, part)
      // Drawn anew.
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
      await page.screenshot({ path: join(images, `dashboard-${part === "state" ? "accounts" : part}-${suffix}.png`) })
    }
  })

const inspect = (program: Program, mode: "off" | "all") =>
  Effect.promise(() =>
    fetch(`${program.base}/internal/inspect`, {
      method: "PUT",
      headers: { "content-type": "application/json", authorization: `Bearer ${ADMIN}` },
      body: JSON.stringify({ mode, minutes: 15 })
    })
  )

/** One request, looked into. */
const shootInside = ({ page }: Dashboard, program: Program, one: Made, suffix: string) =>
  Effect.gen(function* () {
    const id = `look-${suffix}`
    const { headers } = by(one)
    yield* inspect(program, "all")
    const asked = { headers: { ...headers, "x-request-id": id } as Record<string, string> }
    yield* Effect.flatMap(chat(program, 'Say hello. [[emu interval=5 text="Hello! How can I help?"]]', {}, asked), text)
    yield* step(async () => {
      await page
        .locator("#requests")
        .getByRole("button", { name: `Details of ${id}` })
        .press("Enter")
      await page.getByRole("button", { name: `Look into ${id}` }).press("Enter")
      const shown = page.getByRole("region", { name: `Request, ${id}`, exact: true })
      await shown.waitFor()
      await shown.evaluate((element) => element.scrollIntoView({ block: "start", behavior: "instant" }))
      await page.screenshot({ path: join(images, `dashboard-inspect-${suffix}.png`) })
    })
    yield* inspect(program, "off")
  })

const themes = ["light", "dark"] as const

const ofOne = Effect.gen(function* () {
  const dir = yield* folder
  const database = join(dir, "gateway.db")
  const env = {
    ADMIN_KEYS: ADMIN,
    DATABASE_URL: `sqlite:${database}`,
    LINGMA_INSTANCE_COUNT: "3",
    MODEL_ALIASES: "claude-*=lingma"
  }
  const made = yield* Effect.scoped(Effect.flatMap(start(env), addKeys))
  yield* History.write(database, made.slice(0, 3))
  const gateway = yield* start(env)
  yield* eventually(() => gateway.stdout().split('"state":"ready"').length > 3 || undefined, "three ready", "1 minute")
  yield* happen(gateway, made)
  for (const colorScheme of themes) {
    const dashboard = yield* open(gateway, { colorScheme, viewport: { width: WIDTH, height: HEIGHT } })
    yield* step(() => dashboard.page.getByLabel("Admin key").waitFor())
    yield* step(() => dashboard.page.screenshot({ path: join(images, `dashboard-sign-in-${colorScheme}.png`) }))
    yield* signIn(dashboard, ADMIN)
    yield* shoot(dashboard, colorScheme)
    yield* shootInside(dashboard, gateway, made[0]!, colorScheme)
    yield* step(() => dashboard.page.close())
    const phone = yield* open(gateway, { colorScheme, viewport: { width: 360, height: HEIGHT } })
    yield* signIn(phone, ADMIN)
    yield* step(async () => {
      await phone.page.locator("#keys tbody").getByRole("row").nth(2).waitFor()
      await phone.page.screenshot({ path: join(images, `dashboard-phone-${colorScheme}.png`) })
    })
  }
})

const program = Effect.gen(function* () {
  mkdirSync(images, { recursive: true })
  if (!process.argv.includes("hosts")) yield* Effect.scoped(ofOne)
  yield* HostPictures.take(images, { width: WIDTH, height: HEIGHT })
})

NodeRuntime.runMain(program)
