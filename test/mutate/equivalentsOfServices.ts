/** The same for the files beside `domain`: what Chat is made of. */
import type { Equivalent } from "./equivalents.ts"

export const ofServices: Readonly<Record<string, ReadonlyArray<Equivalent>>> = {
  "src/chat/Chat.ts": [
    {
      why: "the name is shown in messages of Effect only",
      changes: [
        {
          from: 'export class Chat extends Context.Tag("lingma-gateway/Chat")<',
          to: 'export class Chat extends Context.Tag("")<'
        }
      ]
    },
    {
      why: "the quota is read for that outcome only",
      changes: [
        {
          from: 'if (outcome !== undefined) lease.settle(outcome, told(error), error._tag === "QuotaExhausted" ? error : undefined)',
          to: "if (outcome !== undefined) lease.settle(outcome, told(error), true ? error : undefined)"
        }
      ]
    },
    {
      why: "a fiber that was interrupted runs no handler, and an interrupt from within is a defect by then",
      changes: [
        {
          from: "if (Cause.isInterruptedOnly(cause)) return Effect.failCause(cause)",
          to: "if (false) return Effect.failCause(cause)"
        },
        { from: "if (Cause.isInterruptedOnly(cause)) return Effect.void", to: "if (false) return Effect.void" }
      ]
    },
    {
      why: "what has completed did not fail, and what has failed stays so",
      changes: [
        {
          from: 'if (outcome === "cancelled" && isFailed(exit)) end("failed")',
          to: 'if (true && isFailed(exit)) end("failed")'
        }
      ]
    },
    {
      why: "each of those that are asked gives a list or a failure",
      changes: [
        {
          from: "return failures[0] !== undefined && lists.length === 0 ? yield* failures[0] : Model.listed(lists.flat())",
          to: "return true && lists.length === 0 ? yield* failures[0] : Model.listed(lists.flat())"
        }
      ]
    }
  ],
  "src/chat/Attempt.ts": [
    {
      why: "without images nothing is left out",
      changes: [
        {
          from: "const withoutImages = Model.refusesImages(model) && request.messages.some(({ images }) => images.length > 0)",
          to: "const withoutImages = Model.refusesImages(model) && request.messages.some(({ images }) => images.length >= 0)"
        }
      ]
    }
  ],
  "src/chat/Pool.ts": [
    {
      why: "the name is shown in messages of Effect only",
      changes: [
        {
          from: 'export class Pool extends Context.Tag("lingma-gateway/Pool")<',
          to: 'export class Pool extends Context.Tag("")<'
        }
      ]
    },
    {
      why: "no limit and a limit of nought are one",
      changes: [{ from: "options: PoolOptions = { maxInFlightPerInstance: 0 }", to: "options: PoolOptions = {}" }]
    },
    {
      why: "what began at no time tries nothing",
      changes: [
        {
          from: "const begins = (id: string) => Array.from(trying.get(id) ?? [], ({ begunAt }) => begunAt)",
          to: 'const begins = (id: string) => Array.from(trying.get(id) ?? ["Stryker was here"], ({ begunAt }) => begunAt)'
        }
      ]
    },
    {
      why: "a switch without it gives the same",
      changes: [{ from: "case undefined:", to: "case undefined:" }]
    },
    {
      why: "there is nothing to delete",
      changes: [{ from: "if (probe !== undefined) probes.delete(probe)", to: "if (true) probes.delete(probe)" }]
    },
    {
      why: "it cannot happen; it is there for the types",
      changes: [
        {
          from: 'return why ?? Effect.dieMessage("a pick among some is none")',
          to: 'return why ?? Effect.dieMessage("")'
        }
      ]
    }
  ],
  "src/chat/Guard.ts": [
    {
      why: "it only leaves the quick way out: the slow one looks for a free place again",
      changes: [
        {
          from: "() => (counts.inFlight < maxInFlight ? holding(run(caller, prompt)) : undefined),",
          to: "() => (false ? holding(run(caller, prompt)) : undefined),"
        },
        {
          from: "() => (counts.inFlight < maxInFlight ? holding(run(caller, prompt)) : undefined),",
          to: "() => undefined,"
        }
      ]
    },
    {
      why: "a slot that an interrupted waiter holds goes back as cancelled when its scope closes, which is at once",
      changes: [{ from: "if (Exit.isSuccess(exit)) return hold(me)", to: "if (true) return hold(me)" }]
    },
    {
      why: "the name is shown in messages of Effect only",
      changes: [
        {
          from: 'export class Guard extends Context.Tag("lingma-gateway/Guard")<',
          to: 'export class Guard extends Context.Tag("")<'
        }
      ]
    }
  ]
}
