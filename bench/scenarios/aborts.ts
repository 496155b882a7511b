/**
 * A storm of clients that leave in mid-answer: what stays behind, for how long, and whether the next ones are served.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { open, pieces, request, together } from "../load.ts"
import * as Upstream from "../upstream.ts"
import type { Scenario } from "./Scenario.ts"

const total = 1000
const next = 512

export const aborts: Scenario = {
  name: "aborts",
  group: "speed",
  run: async (target) => {
    const long = request(target, { prompt: "[[emu tokens=100000 interval=20]]", stream: true })
    const clients = Array.from({ length: total }, () => open(target))
    let begun = 0
    for (const client of clients) {
      const seen = (text: string) => {
        if (text.startsWith("HTTP/1.1 200")) begun++
      }
      client.send(long, seen).catch(() => {})
    }
    const deadline = performance.now() + 20_000
    while (begun < total && performance.now() < deadline) await sleep(20)
    const left = performance.now()
    for (const client of clients) client.close()
    const remaining = await Upstream.quiet(target, 10_000)
    const gone = performance.now() - left

    const short = request(target, { prompt: "[[emu tokens=8 interval=0]]", stream: true })
    let good = 0
    await together(target, { total: next, width: 64 }, async (client) => {
      let answer = ""
      await client.send(short, (text) => {
        answer += text
      })
      if (pieces(answer).length === 8) good++
    })
    return { "turns left": remaining, "all gone after ms": gone, [`good of the next ${next}`]: good }
  }
}
