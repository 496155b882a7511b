/**
 * Parses Lingma's command line: `start`, `status`, `version`, flags as `--name=value` or `--name value`.
 */
import { homedir } from "node:os"
import { join } from "node:path"

export const version = "2.11.1"

export interface StartFlags {
  readonly workDir: string
  readonly socketPort: number
  readonly httpPort: number
  readonly transportType: string
  readonly endpoint: string
  readonly copyDataDir: string | undefined
}

export type Command =
  | { readonly name: "start"; readonly flags: StartFlags }
  | { readonly name: "status"; readonly workDir: string }
  | { readonly name: "version" }
  | { readonly name: "help"; readonly topic: "start" | undefined }
  | { readonly name: "wrong"; readonly message: string }

export const help = `Usage:
  Lingma [command]

Available Commands:
  start       Start the local service
  status      Show the login state
  version     Print the version
`

export const startHelp = `Usage:
  Lingma start [flags]

Flags:
      --copyDataDir string     copy login state from this work dir when the own one is new
      --endpoint string        service endpoint, empty for the built-in cloud
  -h, --help                   help for start
      --httpPort int           port of the HTTP server (default 37510)
      --socketPort int         port of the WebSocket server (default 37010)
      --transportType string   transport of the server (default "websocket")
      --workDir string         work dir (default "~/.lingma")
`

const known = new Set(["workDir", "socketPort", "httpPort", "transportType", "endpoint", "copyDataDir", "o"])

const readFlags = (args: ReadonlyArray<string>): Map<string, string> | string => {
  const flags = new Map<string, string>()
  for (let i = 0; i < args.length; i++) {
    const match = /^--?([A-Za-z]+)(?:=(.*))?$/s.exec(args[i]!)
    if (match === null) return `unknown argument: ${args[i]}`
    const name = match[1]!
    if (name === "h" || name === "help") {
      flags.set("help", "")
      continue
    }
    if (!known.has(name)) return `unknown flag: --${name}`
    const value = match[2] ?? args[++i]
    if (value === undefined) return `flag needs an argument: --${name}`
    flags.set(name, value)
  }
  return flags
}

const port = (text: string | undefined, otherwise: number): number | undefined => {
  if (text === undefined) return otherwise
  const value = Number(text)
  return /^\d{1,5}$/.test(text) && value <= 65535 ? value : undefined
}

export const parse = (argv: ReadonlyArray<string>): Command => {
  const [command, ...rest] = argv
  if (command === undefined || command === "help" || command === "--help" || command === "-h") {
    return { name: "help", topic: undefined }
  }
  if (command === "version" || command === "--version") return { name: "version" }
  if (command !== "start" && command !== "status") return { name: "wrong", message: `unknown command "${command}"` }
  const flags = readFlags(rest)
  if (typeof flags === "string") return { name: "wrong", message: flags }
  if (flags.has("help")) return { name: "help", topic: command === "start" ? "start" : undefined }
  const workDir = flags.get("workDir") || join(homedir(), ".lingma")
  if (command === "status") return { name: "status", workDir }
  const socketPort = port(flags.get("socketPort"), 37010)
  const httpPort = port(flags.get("httpPort"), 37510)
  if (socketPort === undefined) return { name: "wrong", message: "invalid argument for --socketPort" }
  if (httpPort === undefined) return { name: "wrong", message: "invalid argument for --httpPort" }
  return {
    name: "start",
    flags: {
      workDir,
      socketPort,
      httpPort,
      transportType: flags.get("transportType") ?? "websocket",
      endpoint: flags.get("endpoint") ?? "",
      copyDataDir: flags.get("copyDataDir")
    }
  }
}
