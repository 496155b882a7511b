/**
 * What costs a server memory and descriptors, in any size; and whether they come back.
 */
import { readdirSync, readFileSync } from "node:fs"
import * as Net from "node:net"
import { Effect, Schedule } from "effect"
import * as Load from "./load.ts"
import { type Program, stats } from "./support.ts"

export const resident = ({ child }: Program): number =>
  Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1024)
export const descriptors = ({ child }: Program): number => readdirSync(`/proc/${child.pid}/fd`).length
export const held = (program: Program) => ({ residentMiB: resident(program), descriptors: descriptors(program) })
export type Held = ReturnType<typeof held>

/** The most memory it had while the work went on. */
export const peak = <A, E, R>(program: Program, work: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    let most = 0
    const look = Effect.sync(() => {
      most = Math.max(most, resident(program))
    })
    return Effect.map(Effect.raceFirst(work, Effect.forever(Effect.delay(look, "20 millis"))), (result) => ({
      result,
      mostMiB: most
    }))
  })

/** What of the memory is objects: the rest is buffers, and what the allocator keeps. */
const heap = ({ base }: Program) =>
  Effect.promise(() => fetch(`${base}/metrics`).then((response) => response.text())).pipe(
    Effect.map((text) => /^nodejs_heap_used_bytes (\S+)/m.exec(text)?.[1])
  )

/** Waits until memory and descriptors are within 30 % of what they were, at most a minute. */
export const returned = (program: Program, before: Held) =>
  Effect.suspend(() => {
    Load.hangUp(program)
    const now = held(program)
    const isBack =
      now.residentMiB <= before.residentMiB * 1.3 &&
      now.descriptors <= Math.max(before.descriptors * 1.3, before.descriptors + 5)
    return isBack ? Effect.succeed(now) : Effect.fail(new Error(`still held: ${JSON.stringify({ before, now })}`))
  }).pipe(
    Effect.retry(Schedule.spaced("200 millis").pipe(Schedule.upTo("60 seconds"))),
    Effect.tapError(() => Effect.flatMap(heap(program), (bytes) => Effect.log(`JavaScript's heap: ${bytes}`)))
  )

const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

/** Writes as fast as it is taken, at most until the socket closes. */
const push = async (socket: Net.Socket, data: Buffer | string): Promise<void> => {
  if (!socket.writable || socket.write(data)) return
  await new Promise<void>((resolve) => {
    const go = () => {
      socket.off("drain", go).off("close", go)
      resolve()
    }
    socket.on("drain", go).on("close", go)
  })
}

/** The status that a socket is answered with, once it is, or once the socket has closed. */
const status = (socket: Net.Socket): Promise<number> =>
  new Promise((resolve) => {
    let answer = ""
    const look = () => {
      const found = /^HTTP\/1\.1 (\d+) /.exec(answer)?.[1]
      if (found !== undefined || socket.closed) resolve(Number(found))
    }
    socket
      .on("data", (part: Buffer) => {
        if (answer.length < 100) answer += part.toString("latin1")
        look()
      })
      .on("error", () => {})
      .on("close", look)
  })

const portOf = ({ base }: Program) => Number(new URL(base).port)
const head = (lines: string) =>
  `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${lines}\r\n`

const opened = (program: Program) =>
  new Promise<Net.Socket>((resolve, reject) => {
    const socket = Net.connect({ port: portOf(program), host: "127.0.0.1" }, () => resolve(socket))
    socket.once("error", reject)
  })

/** Connections that say nothing, held until the gateway closes them; how many it did. */
export const idle = async (program: Program, count: number): Promise<number> => {
  let closed = 0
  const closing: Array<Promise<void>> = []
  let left = count
  const worker = async () => {
    while (left-- > 0) {
      const socket = await opened(program)
      closing.push(
        new Promise((resolve) =>
          socket
            .on("error", () => {})
            .on("close", () => {
              closed++
              resolve()
            })
            .resume()
        )
      )
    }
  }
  await Promise.all(Array.from({ length: 50 }, worker))
  await Promise.all(closing)
  return closed
}

const MEBIBYTE = Buffer.alloc(1 << 20, "x")

/** Sends a body of that size whatever is answered, as far as it is let; the status. */
export const giant = async (program: Program, mebibytes: number, how: "length" | "chunked"): Promise<number> => {
  const socket = await opened(program)
  let answer = ""
  const over = new Promise<number>((resolve) => {
    socket
      .on("data", (part: Buffer) => {
        answer += part.toString("latin1")
      })
      .on("error", () => {})
      .on("close", () => resolve(Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1])))
  })
  const size = mebibytes * MEBIBYTE.length
  socket.write(head(how === "length" ? `content-length: ${size}\r\n` : "transfer-encoding: chunked\r\n"))
  for (let i = 0; i < mebibytes && socket.writable; i++) {
    const more = how === "length" ? [MEBIBYTE] : [`${MEBIBYTE.length.toString(16)}\r\n`, MEBIBYTE, "\r\n"]
    if (more.map((part) => socket.write(part)).at(-1) === true) continue
    await new Promise<void>((resolve) => {
      const go = () => {
        socket.off("drain", go).off("close", go)
        resolve()
      }
      socket.on("drain", go).on("close", go)
    })
  }
  return over
}

/** More than the kernel and the gateway hold. */
const ENDLESS = "[[emu tokens=100000 interval=2 burst=20]]"

/** Streams whose readers have stopped reading, one after the other; resolves when the gateway has cut them all. */
export const stalled = (program: Program, count: number) =>
  Effect.acquireUseRelease(
    Effect.promise(() => Promise.all(Array.from({ length: count }, () => opened(program)))),
    (sockets) =>
      Effect.gen(function* () {
        const body = JSON.stringify({ model: "auto", stream: true, messages: [{ role: "user", content: ENDLESS }] })
        for (const socket of sockets) {
          socket.pause().write(`${head(`content-length: ${body.length}\r\n`)}${body}`)
          yield* Effect.sleep("100 millis")
        }
        yield* stats(program).pipe(
          Effect.zipLeft(Effect.sleep("50 millis")),
          Effect.repeat({ until: ({ turnsRunning }) => turnsRunning === 0 })
        )
      }),
    (sockets) =>
      Effect.sync(() => {
        for (const socket of sockets) socket.on("error", () => {}).destroy()
      })
  )

/** Streams at once, each with its own text; how they ended, and how many had another's. */
export const parallel = (program: Program, count: number) =>
  Effect.promise(async () => {
    const tally = Load.tally()
    const outcomes = await Promise.all(
      Array.from({ length: count }, (_, i) => Load.ask(program, { prompt: `[[emu interval=20 text="mine is ${i}."]]` }))
    )
    for (const outcome of outcomes) tally.add(outcome)
    const mixed = outcomes.filter(({ text }, i) => text !== `mine is ${i}.`).length
    return { ...tally.ends, statuses: tally.statuses, mixed }
  })

/** A body of so many bytes, each a chunk of its own; the status. */
export const crumbs = async (program: Program, bytes: number): Promise<number> => {
  const socket = await opened(program)
  const answered = status(socket)
  const some = 10_000
  const chunks = "1\r\nx\r\n".repeat(some)
  socket.write(head("transfer-encoding: chunked\r\n"))
  for (let sent = 0; sent < bytes && socket.writable; sent += some) await push(socket, chunks)
  await push(socket, "0\r\n\r\n")
  const found = await answered
  socket.destroy()
  return found
}

/** Bodies of that size at once, of which the last megabyte never comes; how many were answered, by status, once all was sent. */
export const unfinished = (program: Program, count: number, mebibytes: number, key: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const sockets = await Promise.all(Array.from({ length: count }, () => opened(program)))
      const statuses: Record<number, number> = {}
      await Promise.all(
        sockets.map(async (socket) => {
          void status(socket).then((found) => {
            statuses[found] = (statuses[found] ?? 0) + 1
          })
          const size = mebibytes * MEBIBYTE.length
          socket.write(head(`authorization: Bearer ${key}\r\ncontent-length: ${size}\r\n`))
          for (let i = 1; i < mebibytes; i++) await push(socket, MEBIBYTE)
        })
      )
      await pause(100)
      return { statuses, sockets }
    }),
    ({ sockets }) =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
      })
  )

/** Connections that pipeline requests for a large answer and read none, until the scope closes. */
export const unread = (program: Program, count: number) =>
  Effect.acquireRelease(
    Effect.promise(() => Promise.all(Array.from({ length: count }, () => opened(program)))),
    (sockets) =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
      })
  ).pipe(
    Effect.tap((sockets) =>
      Effect.sync(() => {
        const request = "GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n"
        for (const socket of sockets)
          socket
            .on("error", () => {})
            .pause()
            .write(request.repeat(60))
      })
    )
  )
