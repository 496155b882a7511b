/**
 * One file with all its changes in it, of which a switch turns one on, in a bundle with its tests.
 */
import { mkdirSync, readFileSync } from "node:fs"
import { basename, resolve } from "node:path"
import { Instrumenter } from "@stryker-mutator/instrumenter"
import { build } from "esbuild"
import type { Mutant } from "./Change.ts"

export interface Bundle {
  readonly path: string
  readonly mutants: ReadonlyArray<Mutant & { readonly id: string }>
}

const silent = () => {}
const logger = {
  ...{ isTraceEnabled: () => false, isDebugEnabled: () => false, isInfoEnabled: () => false },
  ...{ isWarnEnabled: () => false, isErrorEnabled: () => false, isFatalEnabled: () => false },
  ...{ trace: silent, debug: silent, info: silent, warn: silent, error: silent, fatal: silent }
}

const shared = {
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  logLevel: "error"
} as const

export const folder = resolve(".stryker-tmp")

/** The runner, in plain JavaScript: nothing is compiled while it runs. */
export const makeRunner = async (): Promise<string> => {
  const outfile = `${folder}/runner.mjs`
  await build({ ...shared, entryPoints: ["test/mutate/runner.ts"], outfile, packages: "external" })
  return outfile
}

export const make = async (file: string, tests: ReadonlyArray<string>): Promise<Bundle> => {
  mkdirSync(folder, { recursive: true })
  const name = resolve(file)
  const content = readFileSync(file, "utf8")
  const options = { plugins: null, excludedMutations: [], ignorers: [] }
  const { files, mutants } = await new Instrumenter(logger).instrument([{ name, mutate: true, content }], options)
  const instrumented = files[0]?.content ?? ""
  const path = `${folder}/${basename(file, ".ts")}.mjs`
  await build({
    ...shared,
    stdin: {
      contents: tests.map((test) => `import ${JSON.stringify(resolve(test))}`).join("\n"),
      resolveDir: resolve(".")
    },
    outfile: path,
    packages: "external",
    plugins: [
      {
        name: "mutants",
        setup: (build) => {
          build.onResolve({ filter: /^@effect\/vitest$/ }, () => ({ path: resolve("test/mutate/Testing.ts") }))
          build.onLoad({ filter: /\.ts$/ }, ({ path }) =>
            path === name ? { contents: instrumented, loader: "ts" } : undefined
          )
        }
      }
    ]
  })
  return {
    path,
    mutants: mutants.map(({ id, location: { end, start }, replacement }) => ({
      id,
      replacement,
      location: {
        start: { line: start.line + 1, column: start.column + 1 },
        end: { line: end.line + 1, column: end.column + 1 }
      }
    }))
  }
}
