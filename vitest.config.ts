import { defineConfig } from "vitest/config"

const timeouts = { testTimeout: 30_000, hookTimeout: 30_000 }

/** Files that replace a module, which would last as long as their process. */
const replacing = ["test/http/dialects/NativeTools.test.ts"]

const setupFiles = ["test/support/setup.ts", "test/fuzz/setup.ts"]

/** Files whose figures, or whose deadlines, others would change. */
const alone = [
  "Attacks",
  "Clients",
  "Faults",
  "FirstCaller",
  "Fleet",
  "Floods",
  "Hosts",
  "HostsFaults",
  "Killed",
  "Ledger",
  "Life",
  "Metrics",
  "NpmStart",
  "Package",
  "Recovery"
].map((name) => `test/e2e/${name}.test.ts`)

export default defineConfig({
  test: {
    // Two also on a machine with two cores, where there would be one.
    minWorkers: 1,
    maxWorkers: 2,
    reporters: ["default", "json"],
    // Of the second of two runs; package.json names another for the first.
    outputFile: { json: "node_modules/.cache/vitest.json" },
    projects: [
      // Run with --no-isolate (which vitest takes for a whole run only): files of a process share what they import, since
      // to load it for each of them took as long as to run them.
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**", ...replacing],
          setupFiles,
          ...timeouts
        }
      },
      { test: { name: "unit-replacing", include: replacing, setupFiles, ...timeouts } },
      // Real processes that mostly wait for each other: two files at a time.
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude: alone,
          globalSetup: ["test/e2e/setup.ts"],
          pool: "forks",
          sequence: { groupOrder: 1 },
          ...timeouts
        }
      },
      // Real processes under load, or that build the program: one file at a time, when nothing else runs.
      {
        test: {
          name: "e2e-alone",
          include: alone,
          globalSetup: ["test/e2e/setup.ts"],
          pool: "forks",
          poolOptions: { forks: { singleFork: true } },
          sequence: { groupOrder: 2 },
          ...timeouts
        }
      }
    ]
  }
})
