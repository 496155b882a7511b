/**
 * What has just been done, for everybody: shown for a while, and told by screen readers.
 */
import { signal } from "@preact/signals"
import { Refused } from "../api/Http.ts"
import { words } from "./Settings.ts"

export interface Announcement {
  readonly text: string
  readonly isBad: boolean
}

export const announcement = signal<Announcement | null>(null)

const SHOWN_MILLIS = 8_000
let timer: ReturnType<typeof setTimeout> | undefined

export const announce = (text: string, isBad = false): void => {
  clearTimeout(timer)
  announcement.value = { text, isBad }
  timer = setTimeout(() => {
    announcement.value = null
  }, SHOWN_MILLIS)
}

/** What went wrong, as a sentence. */
export const sentenceOf = (error: unknown): string => {
  const { failed, noAnswer } = words.value
  if (!(error instanceof Refused)) return failed
  if (error.status === 0) return noAnswer
  return error.message === "" ? `${failed} (${error.status})` : error.message
}

/** Does it, and says so where that fails. */
export const trying = async (work: () => Promise<void>): Promise<void> => {
  try {
    await work()
  } catch (error) {
    announce(sentenceOf(error), true)
  }
}
