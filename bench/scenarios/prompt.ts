/**
 * A long prompt: what a megabyte of it costs.
 */
import { open, request } from "../load.ts"
import { cpuMicros } from "../processes.ts"
import type { Scenario } from "./Scenario.ts"

const total = 20
const megabyte = "A sentence of a long conversation, as agents send them; ".repeat(1 << 15).slice(0, 1 << 20)

export const prompt: Scenario = {
  name: "prompt",
  group: "speed",
  run: async (target) => {
    const bytes = request(target, { prompt: `${megabyte} [[emu tokens=1 interval=0]]`, stream: false })
    const client = open(target)
    for (let n = 0; n < 3; n++) await client.send(bytes)
    const cpu = cpuMicros(target)
    for (let n = 0; n < total; n++) await client.send(bytes)
    client.close()
    return { "CPU ms per MB": (cpuMicros(target) - cpu) / total / 1000 }
  }
}
