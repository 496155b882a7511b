/**
 * The dashboard in a real Chromium; what the page is complained of is gathered, and nothing of the browser outlives the scope.
 */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { assert } from "chai"
import { Effect } from "effect"
import { type BrowserContextOptions, chromium, type Page } from "playwright"
import * as BrowserPath from "../../src/lingma/login/BrowserPath.ts"
import type { Program } from "./support.ts"

export const browser = Effect.acquireRelease(
  Effect.promise(() => {
    const executablePath = BrowserPath.find(process.env["AUTO_LOGIN_BROWSER"], undefined)
    const args = process.getuid?.() === 0 ? ["--no-sandbox"] : []
    return chromium.launch({ ...(executablePath === undefined ? {} : { executablePath }), args })
  }),
  (browser) => Effect.promise(() => browser.close())
)

export interface Dashboard {
  readonly page: Page
  /** Errors of scripts, violations of the policy, and hosts other than the gateway that were asked. */
  readonly complaints: () => Promise<ReadonlyArray<string>>
}

/** Refusals and lost connections are told in the page, and by the browser's console as well. */
const isTold = /^Failed to load resource: (?:the server responded with a status of|net::ERR_)/

const watch = async (page: Page, base: string): Promise<Dashboard> => {
  const heard: Array<string> = []
  page.on("pageerror", (error) => heard.push(`error: ${error.message}`))
  page.on("console", (message) => {
    if (message.type() === "error" && !isTold.test(message.text())) heard.push(`console: ${message.text()}`)
  })
  page.on("request", (request) => {
    if (!request.url().startsWith(base)) heard.push(`asked: ${request.url()}`)
  })
  await page.addInitScript(() => {
    const violations: Array<string> = []
    Object.assign(globalThis, { violations })
    addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
      violations.push(`policy: ${violatedDirective} ${blockedURI}`)
    )
  })
  const violated = () => page.evaluate(() => (globalThis as unknown as { violations: Array<string> }).violations)
  return { page, complaints: async () => [...heard, ...(await violated())] }
}

/** A page of its own, in a context that nobody used before. */
export const open = (program: Pick<Program, "base">, options: BrowserContextOptions = {}) =>
  Effect.gen(function* () {
    const running = yield* browser
    const context = yield* Effect.promise(() => running.newContext({ locale: "en-GB", ...options }))
    context.setDefaultTimeout(20_000)
    const dashboard = yield* Effect.promise(async () => watch(await context.newPage(), program.base))
    yield* Effect.promise(() => dashboard.page.goto(`${program.base}/dashboard`))
    return dashboard
  })

/** Runs a step in the browser. */
export const step = (work: () => Promise<unknown>) => Effect.asVoid(Effect.promise(work))

export const signIn = ({ page }: Dashboard, key: string) =>
  step(async () => {
    await page.getByLabel("Admin key").fill(key)
    await page.getByLabel("Admin key").press("Enter")
  })

/** Nothing went wrong, and nothing is left in the browser. */
export const isClean = ({ complaints, page }: Dashboard) =>
  Effect.promise(async () => {
    assert.deepStrictEqual(await complaints(), [])
    const left = await page.evaluate(async () => ({
      local: localStorage.length,
      session: sessionStorage.length,
      cookies: document.cookie,
      caches: (await caches.keys()).length,
      databases: (await indexedDB.databases()).length,
      workers: (await navigator.serviceWorker.getRegistrations()).length
    }))
    assert.deepStrictEqual(left, { local: 0, session: 0, cookies: "", caches: 0, databases: 0, workers: 0 })
    assert.deepStrictEqual(await page.context().cookies(), [])
  })

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")
interface Findings {
  readonly violations: ReadonlyArray<{ readonly id: string; readonly nodes: ReadonlyArray<{ readonly html: string }> }>
}
interface Axe {
  readonly run: (context: unknown, options: object) => Promise<Findings>
}
/** What axe finds, as texts; put in by the debugger, past the policy of the page. */
export const findings = ({ page }: Dashboard) =>
  Effect.promise(async () => {
    await page.evaluate(axe)
    // The rest of what it could tell takes most of its time.
    const { violations } = await page.evaluate(() =>
      (globalThis as unknown as { axe: Axe }).axe.run(document, { resultTypes: ["violations"], iframes: false })
    )
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
  })
