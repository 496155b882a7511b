/**
 * A streaming stage between the upstream's text and the client's.
 *
 * The output must not depend on chunk boundaries: a stage holds back only the shortest suffix that may start a match,
 * and releases it as soon as the next character decides.
 */
export interface TextStage {
  readonly push: (text: string) => void
  /** End of input; held text is released or handled. */
  readonly end: () => void
}
