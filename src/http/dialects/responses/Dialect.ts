/**
 * Responses, for the registry. At the edge they are worded as every path of OpenAI's.
 */
import { ResponseStreamEvent, ResponsesApi } from "./Api.ts"
import { dialect as support } from "./Fields.ts"

export const dialect = { api: ResponsesApi, support, events: ResponseStreamEvent }
