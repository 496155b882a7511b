/**
 * Where the lines of the log leave the process. A reader that stalls or has gone costs lines, never the service.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs"

export interface LogOutput {
  readonly write: (line: string) => void
  readonly close: () => void
}

const isFull = (cause: unknown) => (cause as NodeJS.ErrnoException).code === "EAGAIN"

/** A pipe, opened once more so that a full one says so: Node writes to pipes in a way that waits. */
const nonBlocking = (): number | undefined => {
  try {
    return fstatSync(1).isFIFO() ? openSync("/proc/self/fd/1", constants.O_WRONLY | constants.O_NONBLOCK) : undefined
  } catch {
    return undefined
  }
}

const lost = (dropped: number) => `${JSON.stringify({ message: "log lines dropped", logLevel: "WARN", dropped })}\n`

/** What Node may keep for a socket's reader; it would keep everything. */
const mostKept = 1024 * 1024

/** To a file, a terminal or a socket, by Node's own means. */
const buffered = (): LogOutput => {
  let dropped = 0
  return {
    write: (line) => {
      if (process.stdout.writableLength > mostKept) {
        dropped++
        return
      }
      if (dropped > 0) process.stdout.write(lost(dropped))
      dropped = 0
      process.stdout.write(line)
    },
    close: () => {}
  }
}

export const make = (): LogOutput => {
  const fd = nonBlocking()
  if (fd === undefined) return buffered()
  /** The rest of a line of which a part is out already. */
  let rest: Buffer = Buffer.alloc(0)
  let dropped = 0
  let isClosed = false
  /** False when not all could be written. */
  const push = (bytes: Buffer): boolean => {
    try {
      rest = bytes.subarray(writeSync(fd, bytes))
    } catch (cause) {
      rest = isFull(cause) ? bytes : Buffer.alloc(0)
    }
    return rest.length === 0
  }
  return {
    write: (line) => {
      if (isClosed) return
      if (rest.length > 0 && !push(rest)) {
        dropped++
        return
      }
      if (dropped > 0) {
        const told = Buffer.from(lost(dropped))
        dropped = 0
        if (!push(told)) {
          dropped++
          return
        }
      }
      push(Buffer.from(line))
    },
    close: () => {
      isClosed = true
      closeSync(fd)
    }
  }
}
