/**
 * Long streamed answers as fast as they go: what one chunk costs, and how many pass.
 */
import { request, together } from "../load.ts"
import { cpuMicros } from "../processes.ts"
import type { Scenario } from "./Scenario.ts"

const tokens = 200
const total = 1600

export const burst: Scenario = {
  name: "burst",
  group: "speed",
  run: async (target) => {
    const bytes = request(target, { prompt: `[[emu tokens=${tokens} interval=0 burst=20]]`, stream: true })
    const cpu = cpuMicros(target)
    const began = performance.now()
    await together(target, { total, width: 16 }, (client) => client.send(bytes))
    const seconds = (performance.now() - began) / 1000
    return {
      "CPU µs per chunk": (cpuMicros(target) - cpu) / (total * tokens),
      "chunks/s": (total * tokens) / seconds
    }
  }
}
