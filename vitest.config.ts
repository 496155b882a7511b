import { defineConfig } from "vitest/config"

const timeouts = { testTimeout: 30_000, hookTimeout: 30_000 }

/** Files whose figures, or whose deadlines, others would change. */
const alone = [
  "Attacks",
  "Clients",
  "Faults",
  "FirstCaller",
  "Fleet",
  "Floods",
  "Killed",
  "Ledger",
  "Life",
  "Metrics",
  "Package",
  "Recovery"
].map((name) => `test/e2e/${name}.test.ts`)

export default defineConfig({
  test: {
    // Two also on a machine with two cores, where there would be one.
    minWorkers: 1,
    maxWorkers: 2,
    reporters: ["default", ["json", { outputFile: "node_modules/.cache/vitest.json" }]],
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**"],
          setupFiles: ["test/fuzz/setup.ts"],
          ...timeouts
        }
      },
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
