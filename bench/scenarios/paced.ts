/**
 * Many streams at the pace of a model: how much later a chunk arrives than it was sent, how many do in time, and what
 * one costs.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { type Client, open, pieces, request } from "../load.ts"
import { cpuMicros, type Target } from "../processes.ts"
import { percentile } from "../stats.ts"
import type { Scenario } from "./Scenario.ts"

const interval = 20
const settle = 1000
const window = 5000
/** Later than this is not in time. */
const late = 100

const micros = () => Number(process.hrtime.bigint() / 1000n)

/** `apart` has no common divisor with the interval, so that the streams do not tick together. */
const pacedBy = (streams: number, apart: number) => {
  const rise = streams * apart
  const tokens = Math.ceil((rise + settle + window + 500) / interval)
  const due = (streams * window) / interval
  return async (target: Target) => {
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
      await sleep(rise + settle)
      const cpu = cpuMicros(target)
      counting = true
      await sleep(window)
      counting = false
      return (cpuMicros(target) - cpu) / delays.length
    }
    const [cost] = await Promise.all([measure(), ...answers])
    for (const client of clients) client.close()
    return { delays, cost, inTime: delays.filter((delay) => delay <= late).length / due }
  }
}

const many = pacedBy(256, 7)

export const paced: Scenario = {
  name: "paced",
  group: "speed",
  run: async (target) => {
    const { cost, delays } = await many(target)
    return {
      "added latency p50 ms": percentile(delays, 0.5),
      "added latency p99 ms": percentile(delays, 0.99),
      "CPU µs per chunk": cost
    }
  }
}

const most = pacedBy(1000, 3)

export const crowd: Scenario = {
  name: "crowd",
  group: "speed",
  run: async (target) => {
    const { delays, inTime } = await most(target)
    return { "share in time": inTime, "added latency p50 ms": percentile(delays, 0.5) }
  }
}
