/**
 * State of an emulator process: options, work directory, login, sessions, running turns, counters.
 */

import * as Faults from "../script/Faults.ts"
import type * as Script from "../script/Script.ts"
import type * as Account from "./Account.ts"
import type { Allowance } from "./Allowance.ts"
import type { StartFlags } from "./Cli.ts"
import type { Link } from "./Link.ts"
import type { Options } from "./Options.ts"
import type { Picture } from "./Pictures.ts"
import type { WorkDir } from "./WorkDir.ts"

export interface Session {
  readonly id: string
  model: string
  mode: string
}

export interface Turn {
  readonly requestId: string
  readonly sessionId: string
  readonly link: Link
  /** A cancel has arrived, whether it took effect or not. */
  cancelled: boolean
  /** Ends the turn at once, with a push to the client (`cancelled`) or without (`dropped`). */
  readonly stop: (how: "cancelled" | "dropped") => void
}

export interface Prompt {
  readonly method: string
  readonly requestId: string
  readonly sessionId: string
  readonly model: string
  readonly text: string
  readonly params: unknown
}

/** Monotonic counters. Current numbers are read from the collections, so that they cannot drift. */
export interface Totals {
  prompts: number
  turnsFinished: number
  turnsCancelled: number
  turnsDropped: number
  /** Cancels that took effect, in any form. */
  cancels: number
  cancelRequests: number
  cancelNotifications: number
  /** Cancels that arrived while no such turn was running. */
  idleCancels: number
  /** Chunks of answers and reasoning. */
  tokens: number
  /** Tokens sent after a cancel had arrived, whether it took effect or not. */
  tokensAfterCancel: number
  deletes: number
  connectionsTotal: number
  pushes: number
  acks: number
  missedAcks: number
  lateAcks: number
  frameErrors: number
  logins: number
  logouts: number
  loginPages: number
  loginSubmissions: number
  images: number
}

export interface World {
  readonly options: Options
  readonly flags: StartFlags
  readonly workDir: WorkDir
  readonly log: (line: string) => void
  readonly startedAt: number
  readonly links: Set<Link>
  readonly sessions: Map<string, Session>
  readonly turns: Set<Turn>
  readonly totals: Totals
  readonly calls: Map<string, number>
  readonly recentPrompts: Array<string>
  readonly toolAnswers: Array<unknown>
  readonly recentImages: Array<Picture>
  /** By the URL they were assigned. */
  readonly uploads: Map<string, Picture>
  /** Unused login nonces. */
  readonly nonces: Set<string>
  readonly profiles: Set<string>
  readonly queue: Array<Script.Script>
  /** By account name. */
  readonly allowances: Map<string, Allowance>
  standing: Script.Script
  lastPrompt: Prompt | undefined
  account: Account.Account | undefined
  loggedInAt: number
  endpoint: string
  httpPort: number
}

export const make = (options: Options, flags: StartFlags, workDir: WorkDir): World => ({
  options,
  flags,
  workDir,
  log: workDir.log,
  startedAt: performance.now(),
  links: new Set(),
  sessions: new Map(),
  turns: new Set(),
  totals: {
    prompts: 0,
    turnsFinished: 0,
    turnsCancelled: 0,
    turnsDropped: 0,
    cancels: 0,
    cancelRequests: 0,
    cancelNotifications: 0,
    idleCancels: 0,
    tokens: 0,
    tokensAfterCancel: 0,
    deletes: 0,
    connectionsTotal: 0,
    pushes: 0,
    acks: 0,
    missedAcks: 0,
    lateAcks: 0,
    frameErrors: 0,
    logins: 0,
    logouts: 0,
    loginPages: 0,
    loginSubmissions: 0,
    images: 0
  },
  calls: new Map(),
  recentPrompts: [],
  toolAnswers: [],
  recentImages: [],
  uploads: new Map(),
  nonces: new Set(),
  profiles: new Set(),
  queue: [],
  allowances: new Map(options.accounts),
  standing: options.script,
  lastPrompt: undefined,
  account: undefined,
  loggedInAt: Number.NEGATIVE_INFINITY,
  endpoint: flags.endpoint,
  httpPort: flags.httpPort
})

/** Whether a fault is active for the process rather than for one turn. */
export const standingFault = (world: World, name: string): boolean => Faults.has(world.standing.fault ?? [], name)

/** Clears these standing faults; others remain. */
export const dropFaults = (world: World, names: ReadonlyArray<string>): void => {
  const { fault = [] } = world.standing
  world.standing = { ...world.standing, fault: fault.filter(({ name }) => !names.includes(name)) }
}

export const remember = (world: World, prompt: Prompt): void => {
  world.totals.prompts++
  world.lastPrompt = prompt
  world.recentPrompts.push(prompt.text.length > 2000 ? prompt.text.slice(0, 2000) : prompt.text)
  if (world.recentPrompts.length > 50) world.recentPrompts.shift()
}

export const stopTurns = (world: World, how: "cancelled" | "dropped", which: (turn: Turn) => boolean): number => {
  const stopped = Array.from(world.turns).filter(which)
  for (const turn of stopped) turn.stop(how)
  return stopped.length
}

export const stats = (world: World): Readonly<Record<string, unknown>> => {
  const links = Array.from(world.links)
  return {
    pid: process.pid,
    starts: world.workDir.starts,
    uptimeMs: Math.round(performance.now() - world.startedAt),
    dialect: world.options.dialect,
    loggedIn: world.account !== undefined,
    account: world.account?.name ?? "",
    endpoint: world.endpoint,
    turnsRunning: world.turns.size,
    sessions: world.sessions.size,

    pendingAcks: links.reduce((sum, link) => sum + link.unanswered(), 0),
    ...world.totals,

    connections: links.length,
    calls: Object.fromEntries(world.calls),
    toolAnswers: world.toolAnswers,
    recentPrompts: world.recentPrompts,
    recentImages: world.recentImages,
    lastPrompt: world.lastPrompt ?? null,
    scripts: world.queue.length
  }
}
