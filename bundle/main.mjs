/**
 * The programs as few files each: they start sooner and take less memory. Libraries import `dist` as it is.
 */
import { spawnSync } from "node:child_process"
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const outdir = "dist/bundle"

/**
 * `import { Effect } from "effect"` as `import * as Effect from "effect/Effect"`: through the index every module comes whole,
 * and each use of it is the call of a getter.
 */
const direct = {
  name: "direct",
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.js$/ }, async ({ path }) => {
      if (path.includes("node_modules")) return undefined
      const asModule = (name) => {
        const [module, local = module] = name.trim().split(" as ")
        return `import * as ${local} from "effect/${module}";`
      }
      const text = await readFile(path, "utf8")
      return {
        contents: text.replace(/^import \{([^}]*)\} from "effect";$/gm, (_, names) =>
          names.split(",").map(asModule).join("")
        )
      }
    })
}

const common = {
  outdir,
  bundle: true,
  platform: "node",
  target: "node20.19",
  // The names of functions stay for stack traces.
  minifyWhitespace: true,
  minifySyntax: true,
  sourcemap: "linked",
  sourcesContent: false,
  legalComments: "none",
  logLevel: "warning"
}

// Loaded on first use, where they are there at all.
const external = [
  "playwright",
  "libsql",
  "pg-native",
  "gpt-tokenizer",
  "@huggingface/tokenizers",
  "bufferutil",
  "utf-8-validate"
]

const modules = (entryPoints) =>
  build({
    ...common,
    entryPoints,
    external,
    plugins: [direct],
    splitting: true,
    format: "esm",
    // What is CommonJS inside asks for Node's own modules by `require`.
    banner: { js: 'import{createRequire as require_}from"node:module";const require=require_(import.meta.url);' }
  })

/** The page of the API is larger than the gateway, and few use PostgreSQL: files of their own. */
const apart = {
  name: "apart",
  setup: ({ onResolve }) => {
    onResolve({ filter: /^@effect\/platform\/HttpApiSwagger$/ }, () => ({ path: "./docs.js", external: true }))
    onResolve({ filter: /\/PostgresClient\.js$/ }, () => ({ path: "./postgres.js", external: true }))
  }
}

/** One file for a start: only of a script does Node 20 keep the compiled code, see bin/load.js. */
const script = async (name, entry) => {
  await build({
    ...common,
    entryPoints: { [name]: entry },
    external,
    plugins: [direct, apart],
    outExtension: { ".js": ".cjs" },
    format: "cjs",
    define: { "import.meta.url": "import_meta_url" },
    banner: { js: 'const import_meta_url=require("node:url").pathToFileURL(__filename).href;' }
  })
  const file = `${outdir}/${name}.cjs`
  // One character beyond Latin-1 would make each of it take two bytes.
  const escaped = (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`
  // Node 20 imports for a script only as an experiment, so bin/load.js does it, as it does what a module is given.
  const imports = /\bimport(?=\("[\w@./-]+"\))/g
  const code = readFileSync(file, "utf8")
    .replace(/[^\0-\x7f]/g, escaped)
    .replace(imports, "import_")
  writeFileSync(file, `(function(require,__filename,import_){${code}\n})`)
}

rmSync(outdir, { recursive: true, force: true })
await modules({
  cli: "dist/app/cli.js",
  docs: "@effect/platform/HttpApiSwagger",
  postgres: "dist/team/database/PostgresClient.js"
})
await modules({ emulator: "dist/emulator/Main.js" })
await script("start", "dist/app/start.js")

const warm = fileURLToPath(new URL("warm.mjs", import.meta.url))
// Nobody's settings, else it would be another gateway.
const { status } = spawnSync(process.execPath, [warm], {
  env: { PATH: process.env.PATH },
  stdio: ["ignore", "ignore", "inherit"],
  timeout: 30_000,
  killSignal: "SIGKILL"
})
if (status !== 0) console.error("bundle: no compiled code was kept; the gateway starts all the same, a little later")
