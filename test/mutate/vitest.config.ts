/** What Stryker runs against each mutant: the direct tests of one file. */
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: (process.env["MUTATE_TESTS"] ?? "").split(",").filter((file) => file !== ""),
    setupFiles: ["test/mutate/setup.ts"],
    testTimeout: 15_000
  }
})
