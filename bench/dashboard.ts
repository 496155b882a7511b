/**
 * What 100 open dashboards cost beside 256 streams: CPU of the gateway with and without them, in turn, in one run.
 * What the streams themselves cost in a window is told by what came of them there, and taken off.
 *
 * Apart from the other scenarios, whose floor has no dashboard: `npm run build && npx tsx bench/dashboard.ts`.
 */
import { connect, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { open, request } from "./load.ts"
import { cpuMicros, startGateway, stopAll, type Target } from "./processes.ts"
import { median } from "./stats.ts"

const STREAMS = 256
const PAGES = 100
/** Between two tokens of a stream; a longer one leaves less noise, and the pages have the same to tell. */
const INTERVAL = Number(process.env["BENCH_INTERVAL"] ?? 50)
const WINDOW = 25_000
const ROUNDS = 4
/** Before a window: the pages that came or went have left garbage behind, and the process collects it 5 and 10 s later. */
const SETTLING = 13_000
/** Share of a core that the pages may take. */
const MOST = 0.01

let bytes = 0
/** Characters of the streams. */
let streamed = 0

const page = ({ base }: Target): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: base.hostname, port: Number(base.port) })
    socket.on("error", reject)
    socket.once("close", () => reject(new Error("a page was closed")))
    socket.on("data", (data) => {
      bytes += data.length
    })
    socket.once("data", () => resolve(socket))
    socket.write(`GET /internal/events HTTP/1.1\r\nHost: ${base.host}\r\n\r\n`)
  })

interface Window {
  /** Seconds. */
  readonly cpu: number
  readonly time: number
  readonly streamed: number
}

const measured = async (target: Target): Promise<Window> => {
  await sleep(SETTLING)
  const [cpu, at, from] = [cpuMicros(target), performance.now(), streamed]
  await sleep(WINDOW)
  return {
    cpu: (cpuMicros(target) - cpu) / 1e6,
    time: (performance.now() - at) / 1000,
    streamed: streamed - from
  }
}

const main = async () => {
  const target = await startGateway()
  const tokens = Math.ceil((ROUNDS * 2 * (WINDOW + 2 * SETTLING) + 20_000) / INTERVAL)
  const asked = request(target, { prompt: `[[emu tokens=${tokens} interval=${INTERVAL}]]`, stream: true })
  const clients = Array.from({ length: STREAMS }, () => open(target))
  for (const client of clients) {
    client
      .send(asked, (text) => {
        streamed += text.length
      })
      .catch(() => {})
    await sleep(7)
  }
  await sleep(2000)
  const [without, beside]: [Array<Window>, Array<Window>] = [[], []]
  let sent = 0
  for (let round = 0; round < ROUNDS; round++) {
    without.push(await measured(target))
    const pages = await Promise.all(Array.from({ length: PAGES }, () => page(target)))
    bytes = 0
    beside.push(await measured(target))
    sent = bytes / PAGES / ((WINDOW + SETTLING) / 1000)
    for (const socket of pages) socket.destroy()
  }
  for (const client of clients) client.close()
  const each = median(without.map(({ cpu, streamed }) => cpu / streamed))
  const share = ({ cpu, time }: Window) => cpu / time
  const more = median(beside.map(({ cpu, streamed, time }) => (cpu - each * streamed) / time))
  const percent = (value: number) => `${(value * 100).toFixed(2)} %`
  const ratio = median(beside.map(({ cpu, streamed }) => cpu / streamed)) / each
  process.stdout.write(
    `${STREAMS} streams of ${1000 / INTERVAL} tokens/s: ${percent(median(without.map(share)))} of a core; with ${PAGES} open ` +
      `pages ${percent(median(beside.map(share)))}; for the same output ${ratio.toFixed(3)} times as much, ${percent(more)} of a core ` +
      `(at most ${percent(MOST)}); ${(sent / 1000).toFixed(1)} kB/s to each\n`
  )
  if (more > MOST) process.exitCode = 1
}

await main().finally(stopAll)
