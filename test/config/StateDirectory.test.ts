import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as StateDirectory from "../../src/config/StateDirectory.ts"

/** A home, a directory that a command is run in, and an installed package. */
const machine = Effect.acquireRelease(
  Effect.sync(() => {
    const dir = mkdtempSync(join(tmpdir(), "lingma-state-"))
    const [home, cwd, root] = ["home", "cwd", "root"].map((name) => join(dir, name)) as [string, string, string]
    for (const path of [home, cwd, root]) mkdirSync(path)
    const where: StateDirectory.Where = { env: {}, cwd, home, root, platform: "linux" }
    return { dir, where, home, cwd, root }
  }),
  ({ dir }) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
)

const brief = ({ dir, from }: StateDirectory.StateDirectory) => [dir, from]

describe("StateDirectory", () => {
  it.scoped("is below the home directory for an installed package, wherever a command is run", () =>
    Effect.gen(function* () {
      const { home, where } = yield* machine
      const usual = join(home, ".local/state/lingma-gateway")
      assert.deepStrictEqual(brief(StateDirectory.find(where)), [usual, "home"])
      assert.deepStrictEqual(brief(StateDirectory.find({ ...where, cwd: "/" })), [usual, "home"])
      assert.strictEqual(StateDirectory.find(where).workDir, join(usual, "lingma"))
      const named = { ...where, env: { XDG_STATE_HOME: "/xdg" } }
      assert.strictEqual(StateDirectory.find(named).dir, "/xdg/lingma-gateway")
      // As the specification has it, a relative one is none.
      assert.strictEqual(StateDirectory.find({ ...where, env: { XDG_STATE_HOME: "xdg" } }).dir, usual)
    })
  )

  it.scoped("is systemd's where the unit has one, before all others", () =>
    Effect.gen(function* () {
      const { cwd, root, where } = yield* machine
      mkdirSync(join(cwd, "data/lingma"), { recursive: true })
      mkdirSync(join(root, ".git"))
      const env = { STATE_DIRECTORY: "/var/lib/lingma-gateway:/var/lib/other", XDG_STATE_HOME: "/xdg" }
      const found = StateDirectory.find({ ...where, env })
      assert.deepStrictEqual(brief(found), ["/var/lib/lingma-gateway", "STATE_DIRECTORY"])
      assert.strictEqual(
        StateDirectory.databaseFile(found.workDir, { ...where, env }),
        "/var/lib/lingma-gateway/lingma/gateway.db"
      )
    })
  )

  it.scoped("is data of a checkout, wherever a command of the checkout is run", () =>
    Effect.gen(function* () {
      const { root, where } = yield* machine
      // Of a worktree it is a file.
      writeFileSync(join(root, ".git"), "gitdir: elsewhere")
      const found = StateDirectory.find(where)
      assert.deepStrictEqual(brief(found), [join(root, "data"), "checkout"])
      assert.strictEqual(StateDirectory.databaseFile(found.workDir, where), join(root, "data/gateway.db"))
    })
  )

  it.scoped("stays ./data where an earlier version has left something there", () =>
    Effect.gen(function* () {
      const { cwd, where } = yield* machine
      mkdirSync(join(cwd, "data"))
      writeFileSync(join(cwd, "data/rows.csv"), "")
      assert.strictEqual(StateDirectory.find(where).from, "home")
      for (const name of ["lingma", "lingma-emulator", "gateway.db"]) {
        mkdirSync(join(cwd, "data", name))
        const found = StateDirectory.find(where)
        assert.deepStrictEqual(brief(found), [join(cwd, "data"), "earlier version"])
        assert.strictEqual(StateDirectory.databaseFile(found.workDir, where), join(cwd, "data/gateway.db"))
        rmSync(join(cwd, "data", name), { recursive: true })
      }
    })
  )

  it.scoped("stays data of systemd's directory where a unit ran an earlier version in it", () =>
    Effect.gen(function* () {
      const { cwd, where } = yield* machine
      const systemd = { ...where, env: { STATE_DIRECTORY: cwd } }
      assert.strictEqual(StateDirectory.find(systemd).from, "STATE_DIRECTORY")
      mkdirSync(join(cwd, "data/lingma"), { recursive: true })
      assert.deepStrictEqual(brief(StateDirectory.find(systemd)), [join(cwd, "data"), "earlier version"])
      mkdirSync(join(cwd, "lingma"))
      assert.deepStrictEqual(brief(StateDirectory.find(systemd)), [cwd, "STATE_DIRECTORY"])
    })
  )

  it.scoped("has the database in data/lingma where an earlier version has put it there", () =>
    Effect.gen(function* () {
      const { cwd, where } = yield* machine
      const workDir = join(cwd, "data/lingma")
      mkdirSync(workDir, { recursive: true })
      assert.strictEqual(StateDirectory.databaseFile(workDir, where), join(cwd, "data/gateway.db"))
      writeFileSync(join(workDir, "gateway.db"), "")
      assert.strictEqual(StateDirectory.databaseFile(workDir, where), join(workDir, "gateway.db"))
      writeFileSync(join(cwd, "data/gateway.db"), "")
      assert.strictEqual(StateDirectory.databaseFile(workDir, where), join(cwd, "data/gateway.db"))
    })
  )

  it.scoped("is LINGMA_WORK_DIR where that is set, the database in it; data/lingma has it beside, as ever", () =>
    Effect.gen(function* () {
      const { cwd, where } = yield* machine
      assert.deepStrictEqual(brief(StateDirectory.of("/srv/lingma", where)), ["/srv/lingma", "LINGMA_WORK_DIR"])
      assert.strictEqual(StateDirectory.databaseFile("/srv/lingma", where), "/srv/lingma/gateway.db")
      assert.strictEqual(StateDirectory.databaseFile("data/lingma", where), join(cwd, "data/gateway.db"))
      assert.strictEqual(StateDirectory.databaseFile("work", where), join(cwd, "work/gateway.db"))
      const { workDir } = StateDirectory.find(where)
      assert.strictEqual(StateDirectory.of(workDir, where).from, "home")
    })
  )
})
