/** The files whose tests are measured by mutation, and the tests that speak for each: its own, not those of its users. */

export interface Target {
  readonly file: string
  readonly tests: ReadonlyArray<string>
}

export const targets: ReadonlyArray<Target> = [
  {
    file: "src/chat/Chat.ts",
    tests: [
      "test/chat/Chat.test.ts",
      "test/chat/ChatEndings.test.ts",
      "test/chat/ChatRetries.test.ts",
      "test/chat/ChatModels.test.ts",
      "test/chat/ChatQuotas.test.ts",
      "test/chat/ChatTimeLimits.test.ts",
      "test/observe/ChatSpan.test.ts"
    ]
  },
  {
    file: "src/chat/Attempt.ts",
    tests: ["test/chat/Attempt.test.ts", "test/chat/ChatModels.test.ts", "test/chat/ChatTimeLimits.test.ts"]
  },
  {
    file: "src/textonly/TextOnly.ts",
    tests: ["test/textonly/TextOnly.test.ts", "test/chat/Attempt.test.ts", "test/chat/ChatTimeLimits.test.ts"]
  },
  { file: "src/chat/Pool.ts", tests: ["test/chat/Pool.test.ts"] },
  {
    file: "src/chat/Guard.ts",
    tests: ["Guard", "GuardBooks", "GuardKeys", "GuardLimits", "GuardStops"].map((name) => `test/chat/${name}.test.ts`)
  },
  { file: "src/chat/FairQueue.ts", tests: ["test/chat/FairQueue.test.ts"] },
  { file: "src/chat/Watchdog.ts", tests: ["test/chat/Watchdog.test.ts"] },
  { file: "src/domain/Choice.ts", tests: ["test/domain/Choice.test.ts"] },
  { file: "src/domain/Health.ts", tests: ["test/domain/Health.test.ts"] },
  { file: "src/domain/Offer.ts", tests: ["test/domain/Offer.test.ts"] },
  { file: "src/domain/RetryBudget.ts", tests: ["test/domain/RetryBudget.test.ts"] },
  { file: "src/domain/Routing.ts", tests: ["test/domain/Routing.test.ts"] },
  { file: "src/domain/Spent.ts", tests: ["test/domain/Spent.test.ts"] },
  { file: "src/domain/Turn.ts", tests: ["test/domain/Turn.test.ts"] },
  { file: "src/domain/Verdict.ts", tests: ["test/domain/Verdict.test.ts"] },
  {
    file: "src/textonly/scan/ToolScanner.ts",
    tests: [
      "test/textonly/scan/ToolScannerLimits.test.ts",
      "test/textonly/scan/Examples.test.ts",
      "test/textonly/scan/LongCalls.test.ts",
      "test/textonly/scan/ToolScanner.test.ts",
      "test/textonly/scan/Vectors.test.ts"
    ]
  },
  { file: "src/lingma/rpc/Frame.ts", tests: ["test/lingma/rpc/Frame.test.ts"] }
]
