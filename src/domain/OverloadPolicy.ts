/**
 * When an overloaded process rejects new chats. With hysteresis: starts after two late samples, and stops only well below
 * the limits. Pure.
 */

export interface Look {
  /** Event loop delay: how late a timer fired. */
  readonly lagMillis: number
  /** Used share of the available memory, 0 to 1. */
  readonly memoryShare: number
}

/** Limits; 0 disables one. */
export interface Limits {
  readonly lagMillis: number
  readonly memoryShare: number
}

export interface State {
  readonly shedding: boolean
  /** Consecutive late samples. A single one may be a pause of the whole machine. */
  readonly late: number
}

export const calm: State = { shedding: false, late: 0 }

const LATE_LOOKS = 2
const RELIEF = 0.05

export const next = (state: State, { lagMillis, memoryShare }: Look, limits: Limits): State => {
  const isLate = limits.lagMillis > 0 && lagMillis >= limits.lagMillis
  const isFull = limits.memoryShare > 0 && memoryShare >= limits.memoryShare
  const late = isLate ? state.late + 1 : 0
  if (isFull || late >= LATE_LOOKS) return { shedding: true, late }
  const isLateStill = limits.lagMillis > 0 && lagMillis > limits.lagMillis / 2
  const isFullStill = limits.memoryShare > 0 && memoryShare > limits.memoryShare - RELIEF
  return { shedding: state.shedding && (isLateStill || isFullStill), late }
}
