/**
 * Takes the pictures of the dashboard's part on hosts: three gateways on one PostgreSQL, one of them with other settings.
 */
import { join } from "node:path"
import { Effect } from "effect"
import { open, signIn, step } from "../../test/e2e/dashboard.ts"
import * as Hosts from "../../test/e2e/hosts.ts"
import { chat, type Program } from "../../test/e2e/support.ts"
import * as Postgres from "../../test/support/Postgres.ts"

const ADMIN = "admin-key"

const listens = (program: Program, authorization: string) =>
  Effect.forEach([200, 300, 400], (interval) =>
    chat(
      program,
      `[[emu interval=${interval} tokens=20000]]`,
      { stream: true },
      { headers: { "content-type": "application/json", authorization, "user-agent": "codex/1.0" } }
    )
  )

export const take = (images: string, viewport: { readonly width: number; readonly height: number }) =>
  Effect.gen(function* () {
    const postgres = yield* Postgres.make
    const DATABASE_URL = yield* postgres.database("hosts")
    const env = { ADMIN_KEYS: ADMIN, API_KEYS: "chat-key", DATABASE_URL }
    const programs = yield* Effect.forEach(
      [
        ["a", { LINGMA_EMULATOR_ACCOUNT: "alice" }],
        ["b", { LINGMA_EMULATOR_ACCOUNT: "bob" }],
        ["c", { LINGMA_EMULATOR_ACCOUNT: "carol", GATEWAY_QUEUE_MAX: "64" }]
      ] as const,
      ([name, more]) => Effect.flatMap(Hosts.host(name, { ...env, ...more }), ({ start }) => start)
    )
    const [first] = programs
    if (first === undefined) return
    for (const program of programs.slice(0, 2)) yield* listens(program, "Bearer chat-key")
    for (const colorScheme of ["light", "dark"] as const) {
      const dashboard = yield* open(first, { colorScheme, viewport })
      yield* signIn(dashboard, ADMIN)
      yield* step(async () => {
        const { page } = dashboard
        const rows = page.locator("#hosts tbody").getByRole("row")
        // All have told their accounts, of which the page shows the ends.
        await rows
          .filter({ hasText: /ready.*…/ })
          .nth(2)
          .waitFor()
        await page.screenshot({ path: join(images, `dashboard-hosts-${colorScheme}.png`) })
        await page.close()
      })
    }
  }).pipe(Effect.scoped)
