/**
 * A step on the way of a text from the upstream to the client: what comes in by pieces goes out by pieces.
 *
 * Where the pieces were cut must not matter: a stage that holds something back, because it may be the beginning of
 * what it looks for, holds the shortest such end, and lets go of it as soon as the next character tells.
 */
export interface TextStage {
  readonly push: (text: string) => void
  /** Nothing more comes; what is held goes out, or is told as what it was. */
  readonly end: () => void
}
