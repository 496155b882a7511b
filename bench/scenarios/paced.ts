/**
 * Many streams at the pace of a model: how much later a chunk arrives than it was sent, and what it costs.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { type Client, open, pieces, request } from "../load.ts"
import { cpuMicros } from "../processes.ts"
import { percentile } from "../stats.ts"
import type { Scenario } from "./Scenario.ts"

const streams = 64
const interval = 20
/** Has no common divisor with the interval, so that the streams do not tick together. */
const apart = 7
const settle = 500
const window = 5000
const tokens = Math.ceil((streams * apart + settle + window + 500) / interval)

const micros = () => Number(process.hrtime.bigint() / 1000n)

export const paced: Scenario = {
  name: "paced",
  run: async (target) => {
    const bytes = request(target, { prompt: `[[emu tokens=${tokens} interval=${interval} stamp=1]]`, stream: true })
    const delays: Array<number> = []
    let counting = false
    const listen = async (client: Client) => {
      let held = ""
      await client.send(bytes, (text) => {
        const at = micros()
        held += text
        const end = held.lastIndexOf("\n\n")
        if (end < 0) return
        if (counting) for (const stamp of pieces(held.slice(0, end))) delays.push((at - Number(stamp)) / 1000)
        held = held.slice(end)
      })
    }
    const clients = Array.from({ length: streams }, () => open(target))
    const answers = clients.map(async (client, i) => {
      await sleep(i * apart)
      await listen(client)
    })
    const measure = async () => {
      await sleep(streams * apart + settle)
      const cpu = cpuMicros(target)
      counting = true
      await sleep(window)
      counting = false
      return (cpuMicros(target) - cpu) / delays.length
    }
    const [cost] = await Promise.all([measure(), ...answers])
    for (const client of clients) client.close()
    return {
      "added latency p50 ms": percentile(delays, 0.5),
      "added latency p99 ms": percentile(delays, 0.99),
      "CPU µs per chunk": cost
    }
  }
}
