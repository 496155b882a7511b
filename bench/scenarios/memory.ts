/**
 * Memory: at rest, per open stream, after ten thousand requests, and how it grows over many more.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { open, request, together } from "../load.ts"
import { descriptors, residentKib, type Target } from "../processes.ts"
import * as Upstream from "../upstream.ts"
import type { Scenario } from "./Scenario.ts"

const streams = 1000
const width = 16
const settle = 1500

const serve = (target: Target, total: number) => {
  const bytes = request(target, { prompt: "[[emu tokens=8 interval=0 burst=8]]", stream: false })
  return together(target, { total, width }, (client) => client.send(bytes))
}

const rest = async (target: Target) => {
  await sleep(settle)
  return residentKib(target)
}

export const memory: Scenario = {
  name: "memory",
  group: "memory",
  run: async (target) => {
    await serve(target, 1)
    const idle = await rest(target)
    await serve(target, 10_000 - 1)
    return { "MiB at rest": idle / 1024, "MiB after 10k requests": (await rest(target)) / 1024 }
  }
}

/** Streams that have begun and say nothing more. */
export const silent: Scenario = {
  name: "silent",
  group: "fresh",
  run: async (target) => {
    const bytes = request(target, { prompt: "[[emu tokens=2 interval=600000 first=0]]", stream: true })
    const before = residentKib(target)
    const clients = Array.from({ length: streams }, () => open(target))
    const begun = clients.map(
      (client) => new Promise<void>((resolve) => void client.send(bytes, () => resolve()).catch(() => {}))
    )
    await Promise.all(begun)
    const held = (await rest(target)) - before
    for (const client of clients) client.close()
    await Upstream.quiet(target, 10_000)
    return { "KiB per stream": held / streams }
  }
}

/** In the first repetition only: it takes as long as all the others together. */
export const growth: Scenario = {
  name: "growth",
  group: "memory",
  run: async (target, repetition) => {
    if (repetition > 1) return {}
    await serve(target, 10_000)
    const before = { kib: await rest(target), fds: descriptors(target) }
    await serve(target, 30_000)
    return {
      "KiB per 1k requests": ((await rest(target)) - before.kib) / 30,
      "descriptors gained": descriptors(target) - before.fds
    }
  }
}
