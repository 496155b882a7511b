/**
 * When a process takes no new work because it has too much already: it begins late and ends later, so that it does
 * not flutter. Pure.
 */

export interface Look {
  /** How late a timer came. */
  readonly lagMillis: number
  /** Of the memory there is, between 0 and 1. */
  readonly memoryShare: number
}

/** 0 = never for that reason. */
export interface Limits {
  readonly lagMillis: number
  readonly memoryShare: number
}

export interface State {
  readonly shedding: boolean
  /** Late looks in a row. A single one may be a pause of the whole machine. */
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
