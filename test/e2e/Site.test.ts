/**
 * The site of the docs, built as it is served: every link in it leads somewhere, and nothing of it is elsewhere.
 */
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { groups } from "../../docs/.vitepress/Pages.ts"

const docs = fileURLToPath(new URL("../../docs", import.meta.url))
const vitepress = join(docs, "node_modules", "vitepress", "bin", "vitepress.js")
const isInstalled = existsSync(vitepress)

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "site-"))),
  (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
)

const build = (outDir: string) =>
  Effect.async<{ readonly code: number | null; readonly out: string }>((resume) => {
    const child = spawn(process.execPath, [vitepress, "build", "--outDir", outDir], { cwd: docs })
    let out = ""
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece) => (out += String(piece)))
    child.on("close", (code) => resume(Effect.succeed({ code, out })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** The file that a server of clean addresses answers with. */
const fileOf = (root: string, path: string): string | undefined =>
  [path, `${path}.html`, join(path, "index.html")]
    .map((one) => join(root, one))
    .find((file) => existsSync(file) && statSync(file).isFile())

const anchorsOf = (html: string) => new Set(Array.from(html.matchAll(/ id="([^"]+)"/g), ([, id]) => id!))

describe("the site of the docs", () => {
  if (!isInstalled) {
    it("WAS NOT RUN: VitePress is not in docs/node_modules, see .ci/site.mjs", () => {
      assert.isFalse(isInstalled)
    })
    return
  }

  it.scopedLive(
    "is built, each page in its languages, with no link that leads nowhere and none that a reader did not ask for",
    () =>
      Effect.gen(function* () {
        const root = yield* folder
        const { code, out } = yield* build(root)
        assert.strictEqual(code, 0, out)
        for (const { file, isTranslated } of groups.flatMap(({ pages }) => pages)) {
          assert.isTrue(existsSync(join(root, `${file}.html`)), file)
          if (isTranslated) assert.isTrue(existsSync(join(root, "zh", `${file}.html`)), `zh/${file}`)
        }
        const pages = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".html"))
        const nowhere: Array<string> = []
        for (const page of pages) {
          const html = readFileSync(join(root, page), "utf8")
          for (const [, attribute, address = ""] of html.matchAll(/ (href|src)="([^"]*)"/g)) {
            const { hash, origin, pathname } = new URL(
              address,
              `http://site/${dirname(page)}/${page.split("/").at(-1)}`
            )
            if (origin !== "http://site") {
              if (attribute === "src" || !html.includes(`<a href="${address}"`)) nowhere.push(`${page}: ${address}`)
              continue
            }
            const file = fileOf(root, decodeURI(pathname))
            const isThere =
              file !== undefined &&
              (hash === "" || anchorsOf(readFileSync(file, "utf8")).has(decodeURIComponent(hash.slice(1))))
            if (page !== "404.html" && !isThere) nowhere.push(`${page}: ${address}`)
          }
        }
        assert.deepStrictEqual([...new Set(nowhere)], [])
        assert.isAtLeast(pages.length, 16)
      }),
    { timeout: 120_000 }
  )
})
