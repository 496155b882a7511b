/**
 * Options of the emulator process, from environment variables.
 *
 * | variable | default | meaning |
 * | --- | --- | --- |
 * | `LINGMA_EMULATOR_DIALECT` | session | `ask`: session methods are unknown, only chat/ask works |
 * | `LINGMA_EMULATOR_LOGIN` | demo | `required`: a new work directory is logged out; `demo`: logged in |
 * | `LINGMA_EMULATOR_ACCOUNT` | demo | name of the demo account |
 * | `LINGMA_EMULATOR_ACCOUNTS` | all models, none spent | what each account may use, JSON, see Allowance.ts |
 * | `LINGMA_EMULATOR_HANDSHAKE` | lsp | `acp`: initialize returns protocolVersion and agentInfo, no serverInfo |
 * | `LINGMA_EMULATOR_USERS` | any | `user:password,…` that the login page accepts |
 * | `LINGMA_EMULATOR_LOGIN_BASE` | its own page | where login URLs point |
 * | `LINGMA_EMULATOR_LOGIN_PAGE` | plain | login page to serve, a name in LoginPage.ts |
 * | `LINGMA_EMULATOR_MODELS_DELAY_MS` | 0 | how long the model list stays empty after a login |
 * | `LINGMA_EMULATOR_ACK_LIMIT_MS` | 5000 | time after which an unanswered push counts as missed |
 *
 * The variables in Script.ts control answers and faults.
 */
import { Either, Schema } from "effect"
import * as Script from "../script/Script.ts"
import { type Allowance, Allowances } from "./Allowance.ts"

export interface Options {
  readonly dialect: "session" | "ask"
  readonly loginRequired: boolean
  readonly account: string
  readonly accounts: ReadonlyMap<string, Allowance>
  readonly handshake: "lsp" | "acp"
  readonly users: ReadonlyMap<string, string> | undefined
  readonly loginBase: string | undefined
  readonly loginPage: string
  readonly modelsDelayMs: number
  readonly ackLimitMs: number
  readonly script: Script.Script
}

export type Environment = Readonly<Record<string, string | undefined>>

const words = (env: Environment, name: string, allowed: ReadonlyArray<string>, otherwise: string): string => {
  const value = env[name] || otherwise
  if (!allowed.includes(value)) throw new RangeError(`${name} must be one of ${allowed.join(", ")}`)
  return value
}

const whole = (env: Environment, name: string, otherwise: number): number => {
  const value = env[name] || String(otherwise)
  if (!/^\d{1,9}$/.test(value)) throw new RangeError(`${name} must be a whole number`)
  return Number(value)
}

const users = (text: string | undefined): ReadonlyMap<string, string> | undefined =>
  text === undefined || text === ""
    ? undefined
    : new Map(
        text.split(",").map((pair) => {
          const colon = pair.indexOf(":")
          return colon < 0 ? [pair, ""] : [pair.slice(0, colon), pair.slice(colon + 1)]
        })
      )

const decodeAccounts = Schema.decodeUnknownEither(Schema.parseJson(Allowances), { onExcessProperty: "error" })

const accounts = (text: string | undefined): ReadonlyMap<string, Allowance> => {
  const decoded = decodeAccounts(text || "{}")
  if (Either.isLeft(decoded)) throw new RangeError("LINGMA_EMULATOR_ACCOUNTS must be JSON as Allowance.ts says")
  return new Map(Object.entries(decoded.right))
}

/** The options, or a message about an invalid variable. */
export const fromEnvironment = (env: Environment): Options | string => {
  const script = Script.fromEnvironment(env)
  if (typeof script === "string") return `LINGMA_EMULATOR_*: ${script}`
  try {
    return {
      dialect: words(env, "LINGMA_EMULATOR_DIALECT", ["session", "ask"], "session") === "ask" ? "ask" : "session",
      loginRequired: words(env, "LINGMA_EMULATOR_LOGIN", ["demo", "required"], "demo") === "required",
      account: env["LINGMA_EMULATOR_ACCOUNT"] || "demo",
      accounts: accounts(env["LINGMA_EMULATOR_ACCOUNTS"]),
      handshake: words(env, "LINGMA_EMULATOR_HANDSHAKE", ["lsp", "acp"], "lsp") === "acp" ? "acp" : "lsp",
      users: users(env["LINGMA_EMULATOR_USERS"]),
      loginBase: env["LINGMA_EMULATOR_LOGIN_BASE"] || undefined,
      loginPage: env["LINGMA_EMULATOR_LOGIN_PAGE"] || "plain",
      modelsDelayMs: whole(env, "LINGMA_EMULATOR_MODELS_DELAY_MS", 0),
      ackLimitMs: whole(env, "LINGMA_EMULATOR_ACK_LIMIT_MS", 5_000),
      script
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
