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

export const make = (): LogOutput => {
  const fd = nonBlocking()
  if (fd === undefined) {
    return { write: (line) => void process.stdout.write(line), close: () => {} }
  }
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
        const told = Buffer.from(`${JSON.stringify({ message: "log lines dropped", logLevel: "WARN", dropped })}\n`)
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
