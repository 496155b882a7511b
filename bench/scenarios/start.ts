/**
 * A cold start: from the process to its first answer, its upstream being there already.
 */
import { open, request } from "../load.ts"
import type { Scenario } from "./Scenario.ts"

export const start: Scenario = {
  name: "start",
  group: "fresh",
  run: async (target) => {
    const client = open(target)
    await client.send(request(target, { prompt: "[[emu tokens=1 interval=0]]", stream: false }))
    client.close()
    return { "ms to the first answer": performance.now() - target.born }
  }
}
