/**
 * A running gateway on a screen: its load, and each instance with its account in one line. Pure.
 */
import * as Terminal from "./Terminal.ts"

export interface Spent {
  readonly model: string | null
  readonly until: string
}

export interface Instance {
  readonly name: string
  readonly state: string
  readonly ready: boolean
  readonly reason: string | null
  readonly in_flight: number
  readonly account?: string | null | undefined
  readonly logged_in: boolean | null
  /** As in `domain/Login.word`; empty where it is not told. */
  readonly login: string
  readonly ejected: boolean
  readonly spent: ReadonlyArray<Spent>
  readonly last_error: string | null
}

/** A gateway that shares the database. */
export interface Host {
  readonly id: string
  readonly url: string
  readonly version: string
  readonly ready: boolean
  readonly in_flight: number
  readonly seen_seconds_ago: number
  readonly away: boolean
}

export interface Status {
  readonly base: string
  readonly emulated: boolean
  /** Undefined where only `/healthz` was told. */
  readonly load:
    | { readonly inFlight: number; readonly most: number; readonly queued: number; readonly upSeconds: number }
    | undefined
  readonly instances: ReadonlyArray<Instance>
  readonly state: string
  readonly hosts: ReadonlyArray<Host>
  /** What does not fit together among them. */
  readonly warnings: ReadonlyArray<{ readonly message: string; readonly cure: string }>
  /** What is left out, and why. */
  readonly note: string | undefined
}

/** Why a login failed, as an operator says it. */
const failures: Readonly<Record<string, string>> = {
  bad_credentials: "password refused",
  human_needed: "the page asks for a person",
  browser_missing: "no browser found",
  timed_out: "the login took too long",
  refused_host: "led to a host where no password may be typed",
  no_login_url: "Lingma gave no login address"
}

export const failureOf = (reason: string): string => failures[reason] ?? reason

const clockTime = (iso: string, now: number): string => {
  const at = new Date(iso)
  const two = (n: number) => String(n).padStart(2, "0")
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`
  return at.getTime() - now < 20 * 3_600_000 ? time : `${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`
}

const chats = (n: number) => `${n} chat${n === 1 ? "" : "s"}`

export interface Word {
  readonly word: "serving" | "resting" | "signing in" | "signed out" | "left out" | "unsteady" | (string & {})
  readonly what: string
  readonly cure: string | undefined
}

/** One word of its state, what it is about, and what to do. */
export const wordOf = (one: Instance, now: number): Word => {
  const all = one.spent.find(({ model }) => model === null)
  if (one.state !== "ready") return { word: one.state, what: one.last_error ?? one.reason ?? "", cure: undefined }
  if (one.logged_in === false || one.reason === "no account is signed in") {
    const cure = `lingma-gateway login ${one.name}`
    if (one.login === "running") return { word: "signing in", what: "by the browser", cure: undefined }
    if (one.login === "waiting_for_person") return { word: "signing in", what: "waits for a person", cure }
    const failed = one.login.startsWith("login_failed:") ? one.login.slice("login_failed:".length) : undefined
    return { word: "signed out", what: failed === undefined ? "" : failureOf(failed), cure }
  }
  if (all !== undefined) {
    return { word: "resting", what: `quota used up, again at ${clockTime(all.until, now)}`, cure: undefined }
  }
  if (one.ejected) return { word: "left out", what: one.last_error ?? one.reason ?? "", cure: undefined }
  if (!one.ready) return { word: "unsteady", what: one.last_error ?? one.reason ?? "", cure: undefined }
  const models = one.spent.map(({ model, until }) => `${model} used up until ${clockTime(until, now)}`)
  return { word: "serving", what: [chats(one.in_flight), ...models].join(", "), cure: undefined }
}

const colourOf = (word: string): Terminal.Colour =>
  word === "serving" ? "green" : word === "signed out" || word === "left out" ? "red" : "yellow"

const MOST_SHOWN = 64

/** Nothing where this is the only one. */
const hostRows = ({ hosts, warnings }: Status, columns: number): ReadonlyArray<string> => {
  const ids = Math.max(0, ...hosts.map(({ id }) => Terminal.width(id)))
  const rows = hosts.map(({ away, id, in_flight, ready, seen_seconds_ago, url, version }) => {
    const word = away ? "silent" : ready ? "ready" : "not ready"
    const colour: Terminal.Colour = away ? "red" : ready ? "green" : "yellow"
    const what = away ? `for ${Terminal.age(seen_seconds_ago)}` : chats(in_flight)
    const name = Terminal.pad(Terminal.clean(id), ids)
    return `  ${name}  ${Terminal.paint(colour, Terminal.pad(word, 9))}  ${what}  ${Terminal.clean(`${version}  ${url}`)}`
  })
  return [
    ...(hosts.length < 2 ? [] : ["  hosts", ...rows]),
    ...warnings.flatMap(({ cure, message }) =>
      Terminal.wrap(`${Terminal.clean(message)} → ${Terminal.clean(cure)}`, Math.max(20, columns - 4)).map(
        (line, i) => `${i === 0 ? "  " : "    "}${Terminal.paint("yellow", line)}`
      )
    )
  ]
}

export const render = (status: Status, now: number, columns: number): ReadonlyArray<string> => {
  const { instances, load } = status
  const ready = instances.filter((one) => one.ready).length
  const figures =
    load === undefined
      ? [`${instances.reduce((sum, one) => sum + one.in_flight, 0)} in flight`]
      : [`in flight ${load.inFlight}/${load.most}`, `queued ${load.queued}`, `up ${Terminal.age(load.upSeconds)}`]
  const head = [`ready ${ready}/${instances.length}`, ...figures, ...(status.emulated ? ["emulator"] : [])].join(" · ")
  const words = instances.slice(0, MOST_SHOWN).map((one) => ({ one, ...wordOf(one, now) }))
  const names = Math.max(0, ...words.map(({ one }) => Terminal.width(one.name)))
  const accounts = Math.max(0, ...words.map(({ one }) => Terminal.width(one.account ?? "")))
  const states = Math.max(0, ...words.map(({ word }) => Terminal.width(word)))
  const rows = words.flatMap(({ cure, one, what, word }) => {
    const account = accounts === 0 ? "" : `${Terminal.pad(Terminal.clean(one.account ?? ""), accounts)}  `
    const left = `  ${Terminal.pad(Terminal.clean(one.name), names)}  ${account}${Terminal.paint(colourOf(word), Terminal.pad(Terminal.clean(word), states))}`
    const room = columns - Terminal.width(left) - 2
    const text = Terminal.clean(what)
    const arrow = cure === undefined ? "" : `${text === "" ? "" : "  "}→ ${cure}`
    if (Terminal.width(text) + Terminal.width(arrow) <= room) return [`${left}  ${text}${arrow}`.trimEnd()]
    const indent = " ".repeat(Terminal.width(left) + 2)
    const [first = "", ...more] = [...Terminal.wrap(text, Math.max(20, room)), ...(arrow === "" ? [] : [arrow.trim()])]
    return [`${left}  ${first}`, ...more.map((line) => indent + line)]
  })
  const left = instances.length - MOST_SHOWN
  return [
    `  ${head}`,
    ...rows,
    ...(left > 0 ? [`  and ${left} more: --json`] : []),
    ...hostRows(status, columns),
    `  ${Terminal.paint("dim", `${status.base}  state ${status.state}`)}`,
    ...(status.note === undefined ? [] : [`  ${status.note}`])
  ]
}
