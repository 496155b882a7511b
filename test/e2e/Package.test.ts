/**
 * The package as others get it: packed, installed into an empty folder beside its peers, and used from there.
 */
import { execFile, spawn } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { eventually } from "./support.ts"

const root = fileURLToPath(new URL("../../", import.meta.url))
const examples = readdirSync(join(root, "examples")).map((file) => file.replace(/\.ts$/, ""))

/** What each example says when all went well. */
const expected: Readonly<Record<string, RegExp>> = {
  backend: /^parrot says: Polly wants a cracker$/m,
  client: /^models; an answer in pieces; model_not_found$/m,
  "language-model":
    /^In Switzerland\. \(stop, \d+ tokens\)\nThere too\.\nBern has 134000 people\ntool-calls: \{"degrees":4\}$/m,
  mount: /^on one port: two orders, and an answer of some text$/m,
  parts: /^a is chosen; queue_full; b heard hello \(\d+ tokens\)$/m,
  rpc: /^signed in: true; sign in at \/\S*$/m,
  testing: /^the test passed$/m
}

/** Several instances take any free ports, so that nothing here is in the way of anything else. */
const apart = { LINGMA_INSTANCE_COUNT: "2" }

type Json = Readonly<Record<string, unknown>>
interface Locked extends Json {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
}
interface Pack {
  readonly filename: string
  readonly integrity: string
  readonly files: ReadonlyArray<{ readonly path: string }>
}

const readJson = <A>(path: string): A => JSON.parse(readFileSync(path, "utf8")) as A
const manifest = readJson<Locked & { readonly version: string; readonly devDependencies: Record<string, string> }>(
  join(root, "package.json")
)

interface Ended {
  readonly code: number | string
  readonly stdout: string
  readonly stderr: string
}

const run = (cwd: string, command: string, args: ReadonlyArray<string>, env: Record<string, string> = {}) =>
  Effect.async<Ended>((resume) => {
    const child = execFile(
      command,
      args,
      {
        cwd,
        timeout: 90_000,
        killSignal: "SIGKILL",
        env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env }
      },
      (error, stdout, stderr) =>
        resume(Effect.succeed({ code: error === null ? 0 : (error.code ?? error.signal ?? 1), stdout, stderr }))
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** npm's settings and the certificates that it trusts, which not every machine has in npm's own file. */
const ofNpm = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) =>
    value !== undefined &&
    /^(?:npm_config_|https?_proxy$|no_proxy$|(?:NODE_EXTRA_CA_CERTS|SSL_CERT_(?:FILE|DIR))$)/i.test(name)
      ? [[name, value]]
      : []
  )
)

const done = (cwd: string, command: string, args: ReadonlyArray<string>) =>
  Effect.filterOrDie(
    run(cwd, command, args, command === "npm" ? ofNpm : {}),
    ({ code }) => code === 0,
    ({ stderr, stdout }) => new Error(`${command} ${args.join(" ")}: ${stdout}${stderr}`)
  )

/** The entries of this project's own lock file that the package and its peers need: the same versions, from the cache. */
const lockFile = (dependencies: Readonly<Record<string, string>>, self: Locked) => {
  const { packages } = readJson<{ readonly packages: Record<string, Locked> }>(join(root, "package-lock.json"))
  const all: Record<string, Locked> = { ...packages, "": { dependencies }, "node_modules/lingma-gateway": self }
  const locate = (from: string, name: string): string | undefined => {
    const path = `${from === "" ? "" : `${from}/`}node_modules/${name}`
    if (path in all || from === "") return path in all ? path : undefined
    return locate(from.slice(0, Math.max(0, from.lastIndexOf("/node_modules/"))), name)
  }
  const kept: Record<string, Locked> = {}
  const keep = (path: string): void => {
    const { dev, devOptional, peer, ...entry } = all[path]!
    kept[path] = entry
    const needed = { ...entry.dependencies, ...entry.optionalDependencies, ...entry.peerDependencies }
    for (const name of Object.keys(needed)) {
      const found = entry.peerDependenciesMeta?.[name]?.optional === true ? undefined : locate(path, name)
      if (found !== undefined && !(found in kept)) keep(found)
    }
  }
  keep("")
  return { name: "app", lockfileVersion: 3, requires: true, packages: kept }
}

const write = (path: string, value: unknown) => writeFileSync(path, JSON.stringify(value))

const install = Effect.fnUntraced(function* (dir: string) {
  const app = join(dir, "app")
  const { stdout } = yield* done(root, "npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", dir])
  const pack = (JSON.parse(stdout) as ReadonlyArray<Pack>)[0]!
  const peers = ["effect", "@effect/platform", "@effect/platform-node", "@effect/ai", "@types/node"]
  const dependencies = {
    "lingma-gateway": `file:../${pack.filename}`,
    ...Object.fromEntries(peers.map((name) => [name, manifest.devDependencies[name] ?? ""]))
  }
  const { bin, peerDependencies, peerDependenciesMeta, version } = manifest
  const about = { bin, version, dependencies: manifest.dependencies, peerDependencies, peerDependenciesMeta }
  yield* Effect.sync(() => {
    mkdirSync(app)
    write(join(app, "package.json"), { name: "app", type: "module", private: true, dependencies })
    const self = { ...about, resolved: `file:../${pack.filename}`, integrity: pack.integrity } as Locked
    write(join(app, "package-lock.json"), lockFile(dependencies, self))
    cpSync(join(root, "examples"), join(app, "src"), { recursive: true })
    write(join(app, "tsconfig.json"), {
      compilerOptions: {
        strict: true,
        exactOptionalPropertyTypes: true,
        target: "ES2022",
        lib: ["ES2023"],
        module: "NodeNext",
        types: ["node"],
        skipLibCheck: false,
        rootDir: "src",
        outDir: "out"
      },
      include: ["src"]
    })
  })
  yield* done(app, "npm", ["ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"])
  return { app, files: pack.files.map(({ path }) => path) }
})

/** Strictly, against the types that came with the package, and these themselves. */
const compile = (app: string) => done(app, process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "."])

/** Compilers that apps have, besides the one that the project is built with: an old line and the newest. */
const compilers = ["5.9.3", "7.0.2"]
const checkWith = Effect.fnUntraced(function* (app: string, version: string) {
  const place = join(app, "..", `typescript-${version}`)
  const options = "--no-audit --no-fund --no-save --ignore-scripts --prefer-offline".split(" ")
  yield* Effect.sync(() => mkdirSync(place))
  yield* done(place, "npm", ["install", "--prefix", place, ...options, `typescript@${version}`])
  return yield* run(app, process.execPath, [join(place, "node_modules/typescript/bin/tsc"), "-p", ".", "--noEmit"])
})

/** The installed command, serving until the scope closes. */
const started = (app: string) =>
  Effect.gen(function* () {
    let said = ""
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        const child = spawn(join(app, "node_modules/.bin/lingma-gateway"), ["start"], {
          cwd: app,
          env: { PATH: process.env["PATH"], HOME: app, GATEWAY_PORT: "0", LINGMA_WORK_DIR: "served", ...apart },
          stdio: ["ignore", "pipe", "ignore"]
        })
        child.stdout.setEncoding("utf8").on("data", (text: string) => {
          said += text
        })
        return { child, exited: new Promise((resolve) => child.on("exit", resolve)) }
      }),
      ({ child, exited }) =>
        Effect.promise(() => {
          child.kill("SIGTERM")
          return exited
        })
    )
    const told = (field: RegExp) => eventually(() => field.exec(said)?.[1], String(field))
    return {
      GATEWAY_URL: yield* told(/"baseUrl":"(http:\/\/[^"]+)\/v1"/),
      LINGMA_URL: `ws://127.0.0.1:${yield* told(/"socketPort":(\d+)/)}/`
    }
  })

/** All of them, a few at a time. */
const runAll = (app: string, env: Record<string, string>) =>
  Effect.forEach(
    examples,
    (example) =>
      Effect.map(
        run(app, process.execPath, [join("out", `${example}.js`)], {
          ...env,
          ...apart,
          LINGMA_WORK_DIR: `data-${example}`
        }),
        (ended) => [example, ended] as const
      ),
    { concurrency: 3 }
  )

class Installed extends Context.Tag("test/e2e/Package/Installed")<
  Installed,
  {
    readonly app: string
    readonly files: ReadonlyArray<string>
    readonly ended: ReadonlyMap<string, Ended>
  }
>() {
  static readonly layer = Layer.scoped(
    Installed,
    Effect.gen(function* () {
      const dir = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "lingma-package-"))),
        (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }))
      )
      const installed = yield* install(dir)
      const [env] = yield* Effect.all([started(installed.app), compile(installed.app)], { concurrency: 2 })
      return { ...installed, ended: new Map(yield* runAll(installed.app, env)) }
    })
  )
}

layer(Installed.layer, { timeout: 240_000, excludeTestServices: true })("the package", (it) => {
  it.effect("holds the program, its types and nothing that is not for others", () =>
    Effect.gen(function* () {
      const { files } = yield* Installed
      const has = new Set(files)
      for (const file of ["README.md", "LICENSE", "CHANGELOG.md", ".env.example", "bin/lingma-gateway.js"]) {
        assert.isTrue(has.has(file), file)
      }
      const strange = files.filter(
        (file) =>
          !/^((bin|dist|src)\/.*\.(c?js|c?js\.map|d\.ts|ts)|dist\/dashboard\/(assets\/)?[\w-]+\.(html|css|svg)|deploy\/.*|docs\/((zh\/)?[\w-]+\.md|images\/[\w-]+\.png)|examples\/[\w-]+\.ts)$/.test(
            file
          ) &&
          !["package.json", ".env.example", "LICENSE", "bench/RESULTS.md"].includes(file) &&
          !["README.md", "README.zh-CN.md", "CHANGELOG.md", "AGENTS.md", "SECURITY.md"].includes(file)
      )
      assert.deepStrictEqual(strange, [])
      const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).flatMap((file) =>
        file.endsWith(".ts") ? [file.replace(/\.ts$/, "")] : []
      )
      const missing = sources.flatMap((name) =>
        [`dist/${name}.js`, `dist/${name}.d.ts`].filter((file) => !has.has(file))
      )
      assert.deepStrictEqual(missing, [])
    })
  )

  it.effect("brings every file that its README and its documentation link to", () =>
    Effect.gen(function* () {
      const has = new Set((yield* Installed).files)
      const texts = [...has].filter((file) => file.endsWith(".md"))
      const dead = texts.flatMap((file) =>
        [
          ...readFileSync(join(root, file), "utf8").matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)/g)
        ].flatMap(([, to = ""]) => {
          const path = join(dirname(file), to).replace(/\/$/, "")
          return has.has(path) || [...has].some((other) => other.startsWith(`${path}/`)) ? [] : [`${file} -> ${to}`]
        })
      )
      assert.deepStrictEqual(dead, [])
    })
  )

  it.effect("brings its command", () =>
    Effect.gen(function* () {
      const { app } = yield* Installed
      const { code, stdout } = yield* run(app, "npx", ["--no-install", "lingma-gateway", "--version"])
      assert.deepStrictEqual({ code, version: stdout.trim() }, { code: 0, version: manifest.version })
    })
  )

  for (const version of compilers) {
    it.effect(
      `has types that TypeScript ${version} finds no fault with, libraries included`,
      () =>
        Effect.gen(function* () {
          const { app } = yield* Installed
          const { code, stderr, stdout } = yield* checkWith(app, version)
          assert.strictEqual(code, 0, `${stdout}${stderr}`)
        }),
      { timeout: 120_000 }
    )
  }

  it.effect("has a client that loads neither a browser nor anything else of the gateway's", () =>
    Effect.gen(function* () {
      const { app } = yield* Installed
      const watched = `import { register } from "node:module"
        register("data:text/javascript," + encodeURIComponent(\`export const resolve = async (name, context, next) => {
          const found = await next(name, context)
          if (!name.startsWith("node:")) console.log(found.url)
          return found
        }\`))
        await import("lingma-gateway/Client")`
      const { stderr, stdout } = yield* run(app, process.execPath, ["--input-type=module", "--eval", watched])
      const loaded = stdout
        .split("\n")
        .flatMap((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)(\/dist\/\w+\/)?/.exec(url)?.slice(1) ?? [])
      const packages = new Set(loaded.filter((name) => name !== undefined && !name.startsWith("/")))
      assert.strictEqual(stderr, "")
      assert.isTrue(packages.has("effect"))
      for (const other of ["playwright", "libsql", "@effect/sql", "@effect/cli", "ws", "yaml", "unpdf", "ajv"])
        assert.isFalse(packages.has(other), other)
      for (const part of ["lingma", "team", "textonly", "app", "config"])
        assert.notInclude(stdout, `lingma-gateway/dist/${part}/`)
    })
  )

  it.effect("loads without @effect/ai, but for the language model", () =>
    Effect.gen(function* () {
      const { app } = yield* Installed
      const blind = `import { register } from "node:module"
        register("data:text/javascript," + encodeURIComponent(\`export const resolve = (name, context, next) => {
          if (name.startsWith("@effect/ai")) throw new Error("not installed")
          return next(name, context)
        }\`))
        const { Gateway } = await import("lingma-gateway")
        const refused = await import("lingma-gateway/LanguageModel").then(() => "taken", () => "refused")
        console.log(typeof Gateway.layer, refused)`
      const { stderr, stdout } = yield* run(app, process.execPath, ["--input-type=module", "--eval", blind])
      assert.deepStrictEqual([stdout.trim(), stderr], ["object refused", ""])
    })
  )

  it.effect("has an expectation for every example", () =>
    Effect.sync(() => assert.deepStrictEqual(Object.keys(expected).sort(), [...examples].sort()))
  )

  for (const example of examples) {
    it.effect(`runs ${example}.ts`, () =>
      Effect.gen(function* () {
        const { code, stderr, stdout } = (yield* Installed).ended.get(example)!
        assert.strictEqual(code, 0, `${stdout}${stderr}`)
        assert.match(stdout, expected[example] ?? /no expectation/)
      })
    )
  }
})
