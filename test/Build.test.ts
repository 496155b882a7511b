import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Stamp from "../bundle/stamp.mjs"

const root = fileURLToPath(new URL("..", import.meta.url))

const put = (path: string, text: string) => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

/** A small project that has just been built. */
const built = Effect.acquireRelease(
  Effect.sync(() => {
    const dir = mkdtempSync(join(tmpdir(), "lingma-build-"))
    for (const name of Stamp.INPUTS) put(join(dir, name.includes(".") ? name : `${name}/deep/a.ts`), "one")
    put(join(dir, "dist/deep/a.js"), "one")
    put(join(dir, "test/a.test.ts"), "one")
    const stamp = () =>
      writeFileSync(
        Stamp.stampFile(dir),
        JSON.stringify({ inputs: Stamp.inputsOf(dir), outputs: Stamp.outputsOf(dir) })
      )
    stamp()
    return { dir, stamp }
  }),
  ({ dir }) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
)

describe("the build", () => {
  it.scoped("is left out when nothing that it is made of has changed", () =>
    Effect.gen(function* () {
      const { dir } = yield* built
      assert.isTrue(Stamp.isBuilt(dir))
      writeFileSync(join(dir, "test/a.test.ts"), "two")
      utimesSync(join(dir, "src/deep/a.ts"), 1, 1)
      assert.isTrue(Stamp.isBuilt(dir))
    })
  )

  it.scoped("is done again after any change of a file that it is made of", () =>
    Effect.gen(function* () {
      const { dir, stamp } = yield* built
      const changes: ReadonlyArray<(path: string) => void> = [
        (path) => writeFileSync(path, "two"),
        (path) => put(`${path}.new`, "one"),
        (path) => renameSync(`${path}.new`, `${path}.other`),
        (path) => rmSync(path)
      ]
      for (const name of Stamp.INPUTS) {
        const path = join(dir, name.includes(".") ? name : `${name}/deep/a.ts`)
        for (const change of name.includes(".") ? [changes[0]!, changes[3]!] : changes) {
          change(path)
          assert.isFalse(Stamp.isBuilt(dir), `${name} ${change}`)
          stamp()
          assert.isTrue(Stamp.isBuilt(dir))
        }
      }
    })
  )

  it.scoped("is done anew where something of it is missing, or was begun and not finished", () =>
    Effect.gen(function* () {
      const { dir, stamp } = yield* built
      rmSync(join(dir, "dist/deep/a.js"))
      assert.isFalse(Stamp.isBuilt(dir))
      assert.isTrue(Stamp.isDamaged(dir))
      stamp()
      rmSync(Stamp.stampFile(dir))
      assert.isFalse(Stamp.isBuilt(dir))
    })
  )

  it.scoped("passes over links that lead to no file, as editors leave them", () =>
    Effect.gen(function* () {
      const { dir } = yield* built
      symlinkSync("somebody@somewhere.1", join(dir, "src/deep/.#a.ts"))
      symlinkSync(dir, join(dir, "src/deep/all"))
      assert.isTrue(Stamp.isBuilt(dir))
    })
  )

  it("knows of every folder whether the program is made of it", () => {
    const passing = new Set(["node_modules", "dist", "data", ...Stamp.INPUTS, ...Stamp.NOT_BUILT])
    const others = readdirSync(root, { withFileTypes: true }).filter(
      (entry) => entry.isDirectory() && !entry.name.startsWith(".") && !passing.has(entry.name)
    )
    assert.deepStrictEqual(
      others.map(({ name }) => name),
      []
    )
  })
})
