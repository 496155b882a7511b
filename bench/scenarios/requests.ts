/**
 * Short whole answers: what one request costs, and how many pass.
 */
import { request, together } from "../load.ts"
import { cpuMicros } from "../processes.ts"
import type { Scenario } from "./Scenario.ts"

const total = 4000

export const requests: Scenario = {
  name: "requests",
  group: "speed",
  run: async (target) => {
    const bytes = request(target, { prompt: "[[emu tokens=8 interval=0 burst=8]]", stream: false })
    const cpu = cpuMicros(target)
    const began = performance.now()
    await together(target, { total, width: 16 }, (client) => client.send(bytes))
    const seconds = (performance.now() - began) / 1000
    return { "CPU µs per request": (cpuMicros(target) - cpu) / total, "requests/s": total / seconds }
  }
}
