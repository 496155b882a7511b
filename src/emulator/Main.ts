/**
 * Emulates a Lingma process: command line, wire protocol and work directory, with scripted answers instead of a model.
 */
import type { Server } from "node:http"
import type { AddressInfo } from "node:net"
import * as HttpServer from "./HttpServer.ts"
import * as Login from "./login/Login.ts"
import { variants } from "./login/LoginPage.ts"
import * as Faults from "./script/Faults.ts"
import * as SocketServer from "./wire/SocketServer.ts"
import * as Cli from "./world/Cli.ts"
import * as Options from "./world/Options.ts"
import * as WorkDir from "./world/WorkDir.ts"
import * as World from "./world/World.ts"

const print = (text: string): number => {
  process.stdout.write(text)
  return 0
}

const complain = (message: string, code: number): number => {
  process.stderr.write(`${message}\n`)
  return code
}

const listen = (server: Server, port: number): Promise<number | string> =>
  new Promise((resolve) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      resolve(
        error.code === "EADDRINUSE"
          ? `listen tcp 127.0.0.1:${port}: bind: address already in use`
          : `listen tcp 127.0.0.1:${port}: ${error.message}`
      )
    )
    server.listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port))
  })

const status = (workDir: string): string => {
  const account = WorkDir.peek(workDir)
  const state = { logged_in: account !== undefined, version: Cli.version }
  return `${JSON.stringify(account === undefined ? state : { ...state, username: account.name, user_type: account.userType })}\n`
}

/** Writes endless lines as fast as the reader consumes them. */
const floodStdout = (): void => {
  const lines = `${"a line nobody asked for ".repeat(20)}\n`.repeat(100)
  setInterval(() => {
    if (!process.stdout.writableNeedDrain) process.stdout.write(lines)
  }, 5)
}

const whenStopped = (ignore: boolean): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        if (!ignore) resolve()
      })
    }
  })

const start = async (flags: Cli.StartFlags, options: Options.Options): Promise<number> => {
  const faults = options.script.fault ?? []
  if (Faults.has(faults, "refuse_start")) return complain("start refused", 1)
  const stopped = whenStopped(Faults.has(faults, "ignore_sigterm"))
  const exitAfter = Faults.find(faults, "exit_after")?.value
  if (exitAfter !== undefined) setTimeout(() => process.exit(1), exitAfter)
  const slowStart = Faults.find(faults, "slow_start")?.value ?? 0
  if (slowStart > 0) {
    const waited = new Promise<"waited">((resolve) => setTimeout(() => resolve("waited"), slowStart))
    if ((await Promise.race([waited, stopped])) !== "waited") return 0
  }

  const workDir = WorkDir.open(flags.workDir, flags.copyDataDir)
  const world = World.make(options, flags, workDir)
  Login.restore(world)
  const http = HttpServer.make(world)
  const sockets = SocketServer.make(world)
  const httpPort = await listen(http, flags.httpPort)
  if (typeof httpPort === "string") return complain(httpPort, 1)
  world.httpPort = httpPort
  const socketPort = await listen(sockets, flags.socketPort)
  if (typeof socketPort === "string") return complain(socketPort, 1)
  workDir.writeInfo(socketPort, "")
  workDir.log(`Communication servers ready - WebSocket: ${socketPort}, HTTP: ${httpPort}, IPC: `)
  if (Faults.has(faults, "stdout_flood")) floodStdout()

  await stopped
  for (const link of world.links) link.cut()
  http.close()
  sockets.close()
  workDir.log("stopped")
  return 0
}

/** Runs a command line and returns the exit code. */
export const run = async (argv: ReadonlyArray<string>, env: Options.Environment): Promise<number> => {
  // A closed reader must not end the process.
  process.stdout.on("error", () => {})
  process.stderr.on("error", () => {})
  const command = Cli.parse(argv)
  switch (command.name) {
    case "wrong":
      return complain(`Error: ${command.message}`, 1)
    case "help":
      return print(command.topic === "start" ? Cli.startHelp : Cli.help)
    case "version":
      return print(`version: ${Cli.version}\n`)
    case "status":
      return print(status(command.workDir))
    case "start": {
      const options = Options.fromEnvironment(env)
      if (typeof options === "string") return complain(options, 2)
      if (!Object.hasOwn(variants, options.loginPage)) {
        return complain(`LINGMA_EMULATOR_LOGIN_PAGE must be one of ${Object.keys(variants).join(", ")}`, 2)
      }
      return start(command.flags, options)
    }
  }
}
