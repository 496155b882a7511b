/**
 * The page of `dashboard/` as static files in `dist/dashboard`: one script, one style sheet, and the HTML that names them.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { basename } from "node:path"
import { gzipSync } from "node:zlib"
import { build } from "esbuild"

const outdir = "dist/dashboard"
/** The most that a browser loads, compressed; a test holds it, too. */
const MOST_BYTES = 45_000

/** `docs/clients.md` as its set-ups, read when the page is built, so that both say the same. */
const setUps = {
  name: "set-ups",
  setup: ({ onLoad }) => {
    const parser = build({
      entryPoints: ["dashboard/connect/SetUps.ts"],
      bundle: true,
      format: "esm",
      write: false
    }).then(
      ({ outputFiles: [file] }) =>
        import(`data:text/javascript;base64,${Buffer.from(file.contents).toString("base64")}`)
    )
    onLoad({ filter: /\/docs\/clients\.md$/ }, async ({ path }) => ({
      contents: JSON.stringify((await parser).parse(readFileSync(path, "utf8"))),
      loader: "json",
      watchFiles: [path]
    }))
  }
}

rmSync(outdir, { recursive: true, force: true })
const { metafile } = await build({
  entryPoints: { page: "dashboard/main.tsx", style: "dashboard/styles/main.css", icon: "dashboard/icon.svg" },
  loader: { ".svg": "copy" },
  outdir: `${outdir}/assets`,
  entryNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  metafile: true,
  format: "esm",
  target: ["chrome123", "firefox120", "safari17.5"],
  jsx: "automatic",
  jsxImportSource: "preact",
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
  plugins: [setUps]
})

const files = Object.keys(metafile.outputs)
const named = (end) => basename(files.find((file) => file.endsWith(end)))
const html = readFileSync("dashboard/index.html", "utf8")
  .replace("PAGE_SCRIPT", named(".js"))
  .replace("PAGE_ICON", named(".svg"))
  .replace("PAGE_STYLE", named(".css"))
mkdirSync(outdir, { recursive: true })
writeFileSync(`${outdir}/index.html`, html)

const bytes = [...files, `${outdir}/index.html`].reduce(
  (sum, file) => sum + gzipSync(readFileSync(file), { level: 9 }).length,
  0
)
console.log(`dashboard: ${(bytes / 1000).toFixed(1)} kB gzipped, of at most ${MOST_BYTES / 1000}`)
if (bytes > MOST_BYTES) process.exitCode = 1
