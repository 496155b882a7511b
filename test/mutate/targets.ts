/** The files whose tests are measured by mutation, and the tests that speak for each: its own, not those of its users. */

export interface Target {
  readonly file: string
  readonly tests: ReadonlyArray<string>
}

export const targets: ReadonlyArray<Target> = [
  {
    file: "src/Chat.ts",
    tests: [
      "test/Chat.test.ts",
      "test/ChatEndings.test.ts",
      "test/ChatRetries.test.ts",
      "test/ChatModels.test.ts",
      "test/ChatQuotas.test.ts",
      "test/ChatTimeLimits.test.ts",
      "test/ChatSpan.test.ts"
    ]
  },
  { file: "src/Attempt.ts", tests: ["test/Attempt.test.ts", "test/ChatModels.test.ts", "test/ChatTimeLimits.test.ts"] },
  { file: "src/Pool.ts", tests: ["test/Pool.test.ts"] },
  { file: "src/Guard.ts", tests: ["test/Guard.test.ts", "test/GuardBooks.test.ts"] },
  { file: "src/Watchdog.ts", tests: ["test/Watchdog.test.ts"] },
  { file: "src/domain/Choice.ts", tests: ["test/domain/Choice.test.ts"] },
  { file: "src/domain/Health.ts", tests: ["test/domain/Health.test.ts"] },
  { file: "src/domain/Offer.ts", tests: ["test/domain/Offer.test.ts"] },
  { file: "src/domain/RetryBudget.ts", tests: ["test/domain/RetryBudget.test.ts"] },
  { file: "src/domain/Routing.ts", tests: ["test/domain/Routing.test.ts"] },
  { file: "src/domain/Spent.ts", tests: ["test/domain/Spent.test.ts"] },
  { file: "src/domain/Turn.ts", tests: ["test/domain/Turn.test.ts"] },
  { file: "src/domain/Verdict.ts", tests: ["test/domain/Verdict.test.ts"] },
  {
    file: "src/domain/tools/ToolScanner.ts",
    tests: [
      "test/domain/tools/ToolScannerLimits.test.ts",
      "test/domain/tools/Examples.test.ts",
      "test/domain/tools/ToolScanner.test.ts",
      "test/domain/tools/Vectors.test.ts"
    ]
  },
  { file: "src/lingma/Frame.ts", tests: ["test/lingma/Frame.test.ts"] }
]
