/**
 * What the emulator behind a server says of itself, and is told to do.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { Target } from "./processes.ts"

interface Stats {
  readonly turnsRunning: number
  readonly sessions: number
}

/** Undefined where there is no emulator of ours. */
export const stats = async ({ control }: Target): Promise<Stats | undefined> =>
  control === undefined ? undefined : ((await (await fetch(new URL("stats", control))).json()) as Stats)

/** How every turn without a directive answers from now on. */
export const script = async ({ control }: Target, keys: Readonly<Record<string, unknown>>): Promise<void> => {
  if (control === undefined) return
  const response = await fetch(new URL("script", control), { method: "POST", body: JSON.stringify(keys) })
  if (!response.ok) throw new Error(await response.text())
}

/** Waits until nothing runs and no session is left; gives what is after `millis` at most. */
export const quiet = async (target: Target, millis: number): Promise<number> => {
  const end = performance.now() + millis
  for (;;) {
    const seen = await stats(target)
    if (seen === undefined) return Number.NaN
    const left = seen.turnsRunning + seen.sessions
    if (left === 0 || performance.now() > end) return left
    await sleep(10)
  }
}
