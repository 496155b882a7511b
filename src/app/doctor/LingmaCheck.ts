/**
 * Checks of Lingma: its binary and version, or the ones that run and could be attached.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Option } from "effect"
import * as BinaryCheck from "../../lingma/process/BinaryCheck.ts"
import * as Discovery from "../../lingma/process/Discovery.ts"
import * as PortHolder from "../running/PortHolder.ts"
import * as Terminal from "../screen/Terminal.ts"
import type { Facts } from "./Facts.ts"
import { type Finding, fail, ok, warn } from "./Finding.ts"

const versionOf = (path: string): string => {
  const found = /[\\/]v?(\d+(?:\.\d+)+)[\\/]/.exec(path)?.[1]
  return found === undefined ? "version unknown" : found
}

const binary = (command: string, home: string): Finding => {
  const broken = BinaryCheck.check(command)
  const shown = Terminal.short(command, home)
  if (broken === undefined) return ok("binary", "Lingma", `${versionOf(command)} (${shown})`)
  const [, what = broken.message, cure = "correct LINGMA_BIN"] =
    /^LINGMA_BIN: \S+ (.*?)\. (.*)$/s.exec(broken.message) ?? []
  return fail(`binary.${broken.kind}`, "LINGMA_BIN", `${shown} ${what}`, cure)
}

/** An info file whose Lingma has ended, or that is none. */
const stale = (place: string): string | undefined => {
  try {
    const { pid } = JSON.parse(readFileSync(join(place, ".info.json"), "utf8")) as { readonly pid?: unknown }
    return typeof pid === "number" ? `names pid ${pid}, which does not run` : "names no running Lingma"
  } catch (error) {
    return error instanceof SyntaxError ? "is not readable as JSON" : undefined
  }
}

/** Where was looked, for somebody whose Lingma was not found. */
const looked = (home: string): string => {
  const places = Discovery.places(process.env, home)
  const old = places.flatMap((place) => {
    const why = stale(place)
    return why === undefined ? [] : [`${Terminal.short(join(place, ".info.json"), home)} ${why}`]
  })
  return old[0] ?? `no .info.json in ~/.lingma, ~/.config/Lingma and ${places.length - 2} more places`
}

const auto = Effect.fnUntraced(function* ({ home }: Facts) {
  const found = yield* Discovery.search
  if (found === undefined) {
    return fail(
      "attach.none",
      "LINGMA_ATTACH",
      `no running Lingma was found: ${looked(home)}`,
      "open the IDE with Lingma, or set LINGMA_BIN"
    )
  }
  const { hostname, port } = new URL(found.url)
  return (yield* PortHolder.isListening(hostname, Number(port)))
    ? ok("attach", "Lingma", `attached: ${found.url} (${Terminal.short(found.place, home)})`)
    : fail(
        "attach.silent",
        "LINGMA_ATTACH",
        `${found.url} of ${Terminal.short(found.place, home)} does not answer`,
        "restart the IDE"
      )
})

const at = Effect.fnUntraced(function* (url: string) {
  const { hostname, port, protocol } = new URL(url)
  const number = port === "" ? (protocol === "wss:" ? 443 : 80) : Number(port)
  return (yield* PortHolder.isListening(hostname.replace(/^\[|\]$/g, ""), number))
    ? ok("attach", "Lingma", `attached: ${url}`)
    : fail("attach.refused", "LINGMA_ATTACH", `nothing listens at ${url}`, "start that Lingma, or LINGMA_ATTACH=auto")
})

/** Nothing is configured: the emulator answers, which is not what most want. */
const emulated = Effect.fnUntraced(function* ({ home }: Facts) {
  const found = yield* Discovery.search
  if (found !== undefined) {
    return warn(
      "lingma.emulator",
      "Lingma",
      `the built-in emulator answers; one runs at ${found.url}`,
      "LINGMA_ATTACH=auto"
    )
  }
  const [first] = BinaryCheck.search(BinaryCheck.usualPlaces())
  return first === undefined
    ? warn(
        "lingma.emulator",
        "Lingma",
        `the built-in emulator answers; none was found: ${looked(home)}`,
        "LINGMA_BIN=…/bin/VERSION/PLATFORM/Lingma"
      )
    : warn("lingma.emulator", "Lingma", "the built-in emulator answers", `LINGMA_BIN=${Terminal.short(first, home)}`)
})

export const check = (facts: Facts): Effect.Effect<ReadonlyArray<Finding>> => {
  const { attach, lingmaBin } = facts.settings
  if (attach === "auto") return Effect.map(auto(facts), (one) => [one])
  if (attach !== "no") return Effect.forEach(attach, at, { concurrency: 8 })
  return Option.match(lingmaBin, {
    onNone: () => Effect.map(emulated(facts), (one) => [one]),
    onSome: (command) => Effect.sync(() => [binary(command, facts.home)])
  })
}
