/**
 * What a socket must know of the API that is spoken over it.
 */
export interface Answer {
  readonly status: number
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

export interface Protocol {
  /** Where the socket is opened, and the POST that each message stands for. */
  readonly path: string
  /** A message that wants no answer. */
  readonly isSilent: (bytes: Uint8Array) => boolean
  /** An answer that is no stream, as a message. */
  readonly fromAnswer: (answer: Answer) => string
  /** The first message of a stream, with what is to be told of the stream's headers. */
  readonly headed: (message: string, headers: Answer["headers"]) => string
  /** A message with the name that its sender asked for. */
  readonly labelled: (message: string, label: string) => string
  /** One message more than may wait. */
  readonly tooMany: (most: number) => string
  /** The connection is too old. */
  readonly tooOld: (minutes: number) => string
}
