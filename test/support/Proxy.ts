/**
 * Proxies as Debian packages them, with the files of `deploy/` as they stand but for addresses and certificates.
 */
import { execFileSync, spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { Effect } from "effect"

const deployed = (name: string) => readFileSync(new URL(`../../deploy/${name}`, import.meta.url), "utf8")

const places = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"]

/** The program of that name; undefined where it is not installed. */
export const find = (name: string): string | undefined =>
  places.map((dir) => join(dir, name)).find((file) => existsSync(file))

export const freePort = Effect.async<number>((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

export interface Command {
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
}
/** What to run in `dir`, so that it listens on `port` in front of the gateway at that `host:port`. */
export type Make = (dir: string, port: number, gateway: string) => Command

export const nginx: Make = (dir, port, gateway) => {
  const site = deployed("nginx.conf")
    .replace("127.0.0.1:8370", gateway)
    .replace("listen 443 ssl", `listen 127.0.0.1:${port}`)
    .replaceAll(/^ *ssl_certificate.*\n/gm, "")
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${dir}/${name};`
  )
  const path = join(dir, "nginx.conf")
  writeFileSync(
    path,
    `daemon off; master_process off; pid ${dir}/pid; error_log stderr; events {}\nhttp { access_log off; ${temporary.join(" ")}\n${site}}`
  )
  return { command: find("nginx") ?? "nginx", args: ["-p", dir, "-e", "stderr", "-c", path] }
}

export const caddy: Make = (dir, port, gateway) => {
  const site = deployed("Caddyfile")
    .replace("127.0.0.1:8370", gateway)
    .replace("lingma.example.com {", `http://:${port} {`)
  const path = join(dir, "Caddyfile")
  writeFileSync(path, `{\n\tadmin off\n\tauto_https off\n}\n${site}`)
  return { command: find("caddy") ?? "caddy", args: ["run", "--adapter", "caddyfile", "--config", path] }
}

/** A certificate that nobody trusts, with its key in the same file. */
const certificate = (dir: string) => {
  const [key, cert, both] = ["key", "cert", "both"].map((name) => join(dir, `${name}.pem`)) as [string, string, string]
  const subject = ["-subj", "/CN=localhost", "-days", "2", "-nodes"]
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
  execFileSync("openssl", ["req", "-x509", ...curve, ...subject, "-keyout", key, "-out", cert], { stdio: "ignore" })
  writeFileSync(both, readFileSync(cert, "utf8") + readFileSync(key, "utf8"))
  return both
}

export interface HostsOptions {
  /** Ports for TLS, beside the plain one, and for its figures. */
  readonly tls?: number
  readonly status?: number
  /** With the limits for each key, which stand in the file as comments. */
  readonly limits?: boolean
  /** Addresses by name: a, b, c of the file, and more. */
  readonly servers: Readonly<Record<string, string>>
}

/** HAProxy in front of hosts. */
export const haproxy = ({ limits = false, servers, status, tls }: HostsOptions) =>
  ((dir, port) => {
    const more = Object.entries(servers).filter(([name]) => !/^[abc]$/.test(name))
    const path = join(dir, "haproxy.cfg")
    const config = deployed("haproxy.cfg")
      .replace("bind :443", `bind 127.0.0.1:${port}\n  bind ${tls === undefined ? `${dir}/tls` : `127.0.0.1:${tls}`}`)
      .replace("/etc/haproxy/lingma.example.com.pem", certificate(dir))
      .replace("bind 127.0.0.1:8404", `bind ${status === undefined ? `${dir}/status` : `127.0.0.1:${status}`}`)
      .replace("log stdout format raw", "log stderr format raw")
      .replace(/^ {2}server c .*\n/m, (line) => line + more.map(([name, at]) => `  server ${name} ${at}\n`).join(""))
    const whole = config.replaceAll(
      /^ {2}# (?=http-request set-var\(txn\.key\)|stick-table|http-request track-sc0|http-request return)/gm,
      "  "
    )
    writeFileSync(path, limits ? whole : config)
    const env = Object.fromEntries(Object.entries(servers).map(([name, at]) => [`GATEWAY_${name.toUpperCase()}`, at]))
    return { command: find("haproxy") ?? "haproxy", args: ["-db", "-f", path], env }
  }) satisfies Make

const answers = (base: string) =>
  Effect.promise(() =>
    fetch(`${base}/healthz`).then(
      ({ ok }) => ok,
      () => false
    )
  )

/** Runs one until the scope closes; gives its base URL once it passes requests on. */
export const run = Effect.fnUntraced(function* (make: Make, gateway: string) {
  const port = yield* freePort
  const dir = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "lingma-proxy-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true, maxRetries: 5 }))
  )
  mkdirSync(join(dir, "home"))
  const { args, command, env } = make(dir, port, gateway)
  let said = ""
  const { child } = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(command, args, {
        cwd: dir,
        env: { PATH: process.env["PATH"], HOME: join(dir, "home"), ...env },
        stdio: ["ignore", "ignore", "pipe"]
      })
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        said = (said + text).slice(-100_000)
      })
      return { child, exited: new Promise((resolve) => child.on("close", resolve)) }
    }),
    ({ child, exited }) =>
      Effect.promise(() => {
        child.kill("SIGKILL")
        return exited
      })
  )
  const base = `http://127.0.0.1:${port}`
  yield* Effect.repeat(answers(base), { until: (up) => up }).pipe(
    Effect.timeoutFail({ duration: "15 seconds", onTimeout: () => new Error(`no proxy: ${said}`) })
  )
  return { base, pid: child.pid }
})
