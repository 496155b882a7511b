/**
 * One request after another on an idle server: how long until the first token.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { open, pieces, request } from "../load.ts"
import { percentile } from "../stats.ts"
import type { Scenario } from "./Scenario.ts"

const total = 400
/** Between two requests, so that what the last one left is tidied up. */
const pause = 3

export const firstToken: Scenario = {
  name: "first-token",
  group: "speed",
  run: async (target) => {
    const bytes = request(target, { prompt: "[[emu tokens=4 interval=0]]", stream: true })
    const client = open(target)
    const waits: Array<number> = []
    for (let n = 0; n < total; n++) {
      let answer = ""
      let wait: number | undefined
      const began = performance.now()
      await client.send(bytes, (text) => {
        if (wait !== undefined) return
        answer += text
        if (pieces(answer).length > 0) wait = performance.now() - began
      })
      waits.push(wait ?? Number.NaN)
      await sleep(pause)
    }
    client.close()
    return { "p50 ms": percentile(waits, 0.5), "p99 ms": percentile(waits, 0.99) }
  }
}
