/**
 * The page over a database of 10,000 keys and 1,000,000 chats: it shows a part of them at a time, and finds each in time.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Page } from "playwright"
import * as Database from "../../src/team/database/Database.ts"
import { isClean, open, signIn, step } from "./dashboard.ts"
import { start } from "./support.ts"

const ADMIN = "admin-key-of-this-test"
/** Milliseconds; of the fastest of three, on a machine that does something else meanwhile. */
const MOST = 1_000
/** Rows of requests that are drawn at first. */
const DRAWN = 20

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "crowd-"))),
  (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
)

/** A hundred chats of each key within 60 days, on five of them; one in fifty failed. */
const filled = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const { host } = yield* Database.Database
  const now = Date.now()
  yield* sql`
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
    INSERT INTO api_keys (id, name, digest, last_four, tokens_per_day, weight, models, is_admin, created_at)
    SELECT 'k' || i, 'person-' || printf('%05d', i), printf('%064d', i), printf('%04d', i), 100000, 1, '', 0, ${now} FROM n`
  yield* sql`
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999999)
    INSERT INTO chats (id, request_id, ended_at, host, key_id, key_name, client, dialect, is_stream, model_asked, model,
      instance, outcome, prompt_tokens, completion_tokens, reasoning_tokens, usage_source, queue_ms, first_token_ms,
      total_ms, retries, tool_calls)
    SELECT 'row-' || i, 'req-' || i, ${now} - 1000 - i * 5184, ${host}, 'k' || (i / 20 % 10000),
      'person-' || printf('%05d', i / 20 % 10000), 'codex', 'responses', 1, 'auto', 'model-' || (i % 3), 'inst-' || (i % 2),
      CASE WHEN i % 50 = 0 THEN 'failed' ELSE 'completed' END, 1000, 100, 10, 'reported', 0, 500, 9000, 0, 0 FROM n`
  const sums = sql.literal(`key_id, key_name, COALESCE(model, 'none'), 'none', client, COUNT(*),
    SUM(outcome = 'completed'), SUM(outcome = 'failed'), 0, 0, 0, SUM(prompt_tokens), SUM(completion_tokens),
    SUM(reasoning_tokens) FROM chats GROUP BY 1, 2, 3, 4, 5, 6`)
  yield* sql`INSERT INTO usage_days SELECT date(ended_at / 1000, 'unixepoch'), ${sums}`
})

/** From an act until what it leads to is shown; up to three tries, each from what `reset` leads back to. */
const timed = async (act: () => Promise<unknown>, reset: () => Promise<unknown>): Promise<number> => {
  let fastest = Number.POSITIVE_INFINITY
  for (let i = 0; i < 3 && fastest >= MOST; i++) {
    const before = performance.now()
    await act()
    fastest = Math.min(fastest, performance.now() - before)
    await reset()
  }
  return fastest
}

const nodes = (page: Page) => page.evaluate(() => document.getElementsByTagName("*").length)

describe("the dashboard of 10,000 keys and 1,000,000 chats", () => {
  it.scopedLive(
    "shows a page of them at a time, and finds keys and requests within a second",
    () =>
      Effect.gen(function* () {
        const path = join(yield* folder, "gateway.db")
        const began = performance.now()
        yield* filled.pipe(
          Effect.provide(Database.layer({ _tag: "Sqlite", path }, { workDir: "/nowhere", isServing: true })),
          Effect.scoped
        )
        process.stdout.write(`filled in ${Math.round(performance.now() - began)} ms\n`)
        const program = yield* start({ ADMIN_KEYS: ADMIN, DATABASE_URL: `sqlite:${path}` })
        const dashboard = yield* open(program, { viewport: { width: 1200, height: 800 } })
        const { page } = dashboard
        yield* signIn(dashboard, ADMIN)
        const keys = page.locator("#keys tbody tr")
        const requests = page.locator("#requests tbody tr")
        const figures: Array<string> = []
        const isIn = (what: string, millis: number) => {
          figures.push(`${what} ${Math.round(millis)} ms`)
          assert.isBelow(millis, MOST, what)
        }
        yield* step(async () => {
          await page.locator("#keys").getByText("50 of 10,000").waitFor()
          await requests.nth(DRAWN - 1).waitFor()
          assert.strictEqual(await keys.count(), 50)
          const first = await nodes(page)
          assert.isBelow(first, 6_000)

          const search = page.locator("#keys").getByLabel("Search keys")
          const isFound = async (name: string) => {
            await search.fill(name)
            await page.locator("#keys").getByText("1 of 1", { exact: true }).waitFor()
            await keys.filter({ hasText: name }).waitFor()
          }
          const isWhole = async () => {
            await search.fill("")
            await page.locator("#keys").getByText("50 of 10,000").waitFor()
          }
          for (const name of ["person-07777", "person-09999"])
            isIn(`the key ${name}`, await timed(() => isFound(name), isWhole))

          const filters = page.getByRole("form", { name: "Filters" })
          const isAsked = (part: string) =>
            page.waitForResponse((one) => one.url().includes("/internal/chats?") && one.url().includes(part))
          const isClear = async () => {
            await filters.getByRole("button", { name: "Clear filters" }).click()
            await requests.nth(DRAWN - 1).waitFor()
          }
          const cases: ReadonlyArray<readonly [label: string, text: string, asked: string, rows: number]> = [
            ["Key", "person-00003", "key=person-00003", DRAWN],
            ["Key", "nobody", "key=nobody", 0],
            ["Model", "model-2", "model=model-2", DRAWN],
            ["Id contains", "req-4242", "id=req-4242", 1]
          ]
          for (const [label, text, asked, rows] of cases) {
            const isShown = async () => {
              const answered = isAsked(asked)
              await filters.getByLabel(label).fill(text)
              await answered
              if (rows > 0)
                await requests
                  .nth(rows - 1)
                  .filter({ hasText: rows === 1 ? "" : text })
                  .waitFor()
            }
            isIn(asked, await timed(isShown, isClear))
          }
          const haveFailed = async () => {
            const answered = isAsked("outcome=failed")
            await filters.getByLabel("Outcome").selectOption("failed")
            await answered
            await requests
              .nth(DRAWN - 1)
              .filter({ hasText: "failed" })
              .waitFor()
          }
          isIn("outcome=failed", await timed(haveFailed, isClear))
        })
        process.stdout.write(`10,000 keys and 1,000,000 chats: ${figures.join(", ")}\n`)
        yield* isClean(dashboard)
      }),
    { timeout: 240_000 }
  )
})
