/**
 * Responses, for the registry. At the edge they are worded as every path of OpenAI's.
 */
import { ResponseStreamEvent, ResponsesApi } from "./Api.ts"
import { support } from "./Fields.ts"

export const dialect = { api: ResponsesApi, support, events: ResponseStreamEvent }
