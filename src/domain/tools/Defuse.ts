/**
 * Breaks the markers of calls and results in a text that is not the model's own, so that it cannot forge one.
 */

const JOINER = "\u200d"
// One class for all that may stand between, so that no text is slow.
const MARKER = /<(?!\u200d)(?=[\s\p{Cf}/]*(?:tool_call|tool_response|(?:function|parameter)\s*[=>]))/giu

/** A zero-width joiner goes behind the `<` of each marker, whatever its case and its blanks; once is enough. */
export const defuse = (text: string): string => text.replace(MARKER, `<${JOINER}`)
