import { defineConfig } from "vitest/config"

const timeouts = { testTimeout: 30_000, hookTimeout: 30_000 }

export default defineConfig({
  test: {
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
      // Real processes under load: one file at a time, when nothing else runs.
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          globalSetup: ["test/e2e/setup.ts"],
          pool: "forks",
          poolOptions: { forks: { singleFork: true } },
          sequence: { groupOrder: 1 },
          ...timeouts
        }
      }
    ]
  }
})
