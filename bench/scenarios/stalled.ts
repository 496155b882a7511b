/**
 * Readers that do not read while much is said to them: what that takes, and whether others are served.
 */
import { connect } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { open, request } from "../load.ts"
import { residentKib } from "../processes.ts"
import * as Upstream from "../upstream.ts"
import type { Scenario } from "./Scenario.ts"

const readers = 200
const megabytes = 8
const piece = "x".repeat(1 << 15)
const others = 5

export const stalled: Scenario = {
  name: "stalled",
  group: "stalled",
  run: async (target) => {
    const short = request(target, { prompt: "[[emu tokens=8 interval=0]]", stream: true })
    const client = open(target)
    for (let n = 0; n < 50; n++) await client.send(short)
    const before = residentKib(target)
    await Upstream.script(target, { chunks: Array(megabytes * 32).fill(piece), interval: 0 })
    const long = request(target, { prompt: "Say much.", stream: true })
    const { hostname, port } = target.base
    const sockets = Array.from({ length: readers }, () => {
      const socket = connect({ host: hostname, port: Number(port), noDelay: true })
      socket
        .on("error", () => {})
        .pause()
        .write(long)
      return socket
    })

    let most = before
    let served = 0
    const began = performance.now()
    const watch = async () => {
      while (performance.now() - began < 10_000) {
        most = Math.max(most, residentKib(target))
        await sleep(100)
      }
    }
    const ask = async () => {
      for (let n = 0; n < others; n++) {
        await sleep(1000)
        const answer = client.send(short).then(
          () => true,
          () => false
        )
        if (await Promise.race([answer, sleep(10_000).then(() => false)])) served++
      }
    }
    await Promise.all([watch(), ask()])
    client.close()
    // Readers that have left five seconds ago hold nothing.
    for (const socket of sockets) socket.destroy()
    const left = await Upstream.quiet(target, 5000)
    return { "RSS growth MiB": (most - before) / 1024, [`others served of ${others}`]: served, "turns left": left }
  }
}
