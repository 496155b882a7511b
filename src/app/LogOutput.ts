/**
 * Writes log lines to stdout without blocking. A stalled or closed reader, or a full disk, drops lines instead of
 * blocking the process; afterwards one line reports how many.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs"

export interface LogOutput {
  readonly write: (line: string) => void
  readonly close: () => void
}

interface Sink {
  /** Writes without blocking, perhaps only a part; returns the number of bytes. Throws if it would block. */
  readonly write: (bytes: Uint8Array) => number
  readonly close: () => void
}

/**
 * A pipe is reopened as non-blocking, because Node writes to pipes synchronously. A file is written directly, because
 * Node's stream hides write errors of a full disk. Undefined for a terminal or a socket.
 */
const direct = (): Sink | undefined => {
  try {
    const stats = fstatSync(1)
    if (stats.isFIFO()) {
      const fd = openSync("/proc/self/fd/1", constants.O_WRONLY | constants.O_NONBLOCK)
      return { write: (bytes) => writeSync(fd, bytes), close: () => closeSync(fd) }
    }
    const isFile = stats.isFile() || (stats.isCharacterDevice() && !process.stdout.isTTY)
    return isFile ? { write: (bytes) => writeSync(1, bytes), close: () => {} } : undefined
  } catch {
    return undefined
  }
}

const lost = (dropped: number) => `${JSON.stringify({ message: "log lines dropped", logLevel: "WARN", dropped })}\n`

/** Max bytes that Node may buffer for a socket; by default it is unlimited. */
const MOST_KEPT = 1024 * 1024

/** For a terminal or a socket, with Node's stream. */
const buffered = (): LogOutput => {
  let dropped = 0
  const onWritten = (error?: Error | null) => {
    if (error) dropped++
  }
  return {
    write: (line) => {
      if (process.stdout.writableLength > MOST_KEPT) {
        dropped++
        return
      }
      if (dropped > 0) process.stdout.write(lost(dropped))
      dropped = 0
      process.stdout.write(line, onWritten)
    },
    close: () => {}
  }
}

/** Buffers at most one line: one that was partly written, or that could not be written. */
export const over = (sink: Sink): LogOutput => {
  let rest: Uint8Array = new Uint8Array(0)
  let dropped = 0
  let isClosed = false
  /** False if not everything was written; the rest is retried with the next line. */
  const push = (bytes: Uint8Array): boolean => {
    rest = bytes
    try {
      rest = bytes.subarray(sink.write(bytes))
    } catch (cause) {
      // A new reader would start in the middle of the line.
      if ((cause as NodeJS.ErrnoException).code === "EPIPE") {
        rest = new Uint8Array(0)
        dropped++
        return false
      }
    }
    return rest.length === 0
  }
  /** True once the buffered line and the report of dropped lines are written. */
  const settle = (): boolean => {
    if (rest.length > 0 && !push(rest)) return false
    if (dropped === 0) return true
    const count = dropped
    dropped = 0
    const isOut = push(Buffer.from(lost(count)))
    // Without a reader the report was not delivered.
    if (!isOut && rest.length === 0) dropped = count
    return isOut
  }
  return {
    write: (line) => {
      if (isClosed) return
      if (settle()) push(Buffer.from(line))
      else dropped++
    },
    close: () => {
      if (isClosed) return
      settle()
      isClosed = true
      sink.close()
    }
  }
}

export const make = (): LogOutput => {
  const sink = direct()
  return sink === undefined ? buffered() : over(sink)
}
