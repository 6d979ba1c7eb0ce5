/**
 * The types of signalbox.js and signalbox_run.js, for editors and checkers; no page loads this file.
 * @module signalbox_types
 */
/** @import {SignalboxError} from './signalbox.js' */

/**
 * An event of the user. `data` is as the event's schema has it; absent where it is sealed.
 * @typedef {object} EventFrame
 * @property {string} type
 * @property {number} seq
 * @property {string} cursor
 * @property {string} time
 * @property {string} user_id
 * @property {string} [thread_id]
 * @property {string} [run_id]
 * @property {string} websocket_client_id
 * @property {number} [attempt]
 * @property {Record<string, any>} [data]
 */
/**
 * A piece of a growing answer. Pieces may be lost or come again: place them by `offset`, and drop
 * those of a lower `attempt` once the run's `run_resumed` was seen. `agent_completed` is the truth.
 * @typedef {object} ProgressFrame
 * @property {'agent_responding'} type
 * @property {string} time
 * @property {string} user_id
 * @property {string} thread_id
 * @property {string} run_id
 * @property {string} websocket_client_id
 * @property {number} attempt
 * @property {{index: number, offset: number, content: string}} data  `offset` in code points
 */
/**
 * @typedef {object} ReadyFrame
 * @property {'connection_ready'} type
 * @property {string} websocket_client_id
 * @property {string} user_id
 * @property {string} [cursor]
 * @property {number} heartbeat_seconds
 * @property {number} frame_bytes_max
 * @property {number} [shard]
 */
/** What was sent is durable. @typedef {{message_id?: string, run_id: string}} Ack */
/**
 * @typedef {object} UserMessage
 * @property {string} [message_id]
 * @property {string} thread_id
 * @property {string} content
 * @property {string} [agent]
 * @property {string} [traceparent]
 */
/**
 * @typedef {object} ErrorDetail
 * @property {string} [field]
 * @property {string} [hint]
 * @property {string} [message_id]
 * @property {number} [retry_after_ms]
 * @property {number} [status]
 */
/**
 * `before` and `after` are seqs, exclusive; `next` is an earlier page's and stands alone.
 * @typedef {object} HistoryQuery
 * @property {number} [before]
 * @property {number} [after]
 * @property {string} [thread_id]
 * @property {number} [limit]
 * @property {string} [next]
 */
/** @typedef {{events: EventFrame[], next: string | null}} HistoryPage */
/**
 * `time` and `newest_seq` are of its newest event; `messages` counts those received.
 * @typedef {object} ThreadSummary
 * @property {string} thread_id
 * @property {string} first_words
 * @property {string} time
 * @property {number} newest_seq
 * @property {number} messages
 */
/** @typedef {{threads: ThreadSummary[], next: string | null}} ThreadPage */
/**
 * idle: before `connect()` · connecting · catching_up: events from the cursor on arrive · live ·
 * waiting: comes back by itself · stopped: will not come back unchanged; mend the cause, then
 * `connect()` · closed: by `close()`, for ever.
 * @typedef {'idle'|'connecting'|'catching_up'|'live'|'waiting'|'stopped'|'closed'} State
 */
/**
 * `code` is the close code where there was one; `wait_ms` belongs to `waiting`.
 * @typedef {{state: State, code?: number, reason?: string, wait_ms?: number}} StateChange
 */
/**
 * What listeners get. `reset`: the cursor was refused (`reason` as in the contract); what was shown
 * may not be this history, seq counts afresh, and the stream starts over at `from`. `error`: every
 * error frame, and the client's own failures; most mend themselves.
 * @typedef {object} ClientEvents
 * @property {EventFrame} event
 * @property {ProgressFrame} progress
 * @property {StateChange} state
 * @property {ReadyFrame} ready
 * @property {{cursor: string}} caught_up
 * @property {{reason?: string, oldest_cursor?: string}} reset
 * @property {SignalboxError} error
 */
/**
 * The parts of a WebSocket that are used; the browser's, Node's and npm `ws` all fit.
 * @typedef {object} Socket
 * @property {((event: any) => void) | null} onopen
 * @property {((event: any) => void) | null} onmessage
 * @property {((event: any) => void) | null} onclose
 * @property {((event: any) => void) | null} onerror
 * @property {(text: string) => void} send
 * @property {(code?: number) => void} close
 */
/**
 * @typedef {object} Timers
 * @property {() => number} now  in ms since whenever
 * @property {(then: () => void, ms: number) => any} set_timeout
 * @property {(timer: any) => void} clear_timeout
 */
/**
 * @typedef {object} Options
 * @property {string} url  `ws:` or `wss:` address of `/ws`, without a query
 * @property {(why: 'first'|'expiring'|'refused') => string | Promise<string>} token
 *   Gives a token; after `expiring` or `refused` it must be a new one. Kept until then. A rejection
 *   is tried again after a back-off; a call that never settles keeps the client `connecting`. It
 *   should live well above the minute before its end at which the server warns.
 * @property {string} [cursor]  where an earlier client was (`client.cursor`)
 * @property {number} [seq]  the last event it saw (`client.seq`); without, the first is not checked
 * @property {'latest'|'start'} [from]  where to start without a cursor; default `latest`
 * @property {string} [client]  the `ws_…` id to ask for
 * @property {number} [sends_max]  most unacknowledged sends; one more is refused `outbox_full`; 256
 * @property {number} [back_off_first_ms]  the first wait is random below this, later ones below the
 *   double, and so on; 500
 * @property {number} [back_off_max_ms]  the most that is doubled to; 30,000
 * @property {number} [connect_timeout_ms]  until `connection_ready`; 15,000
 * @property {number} [pong_timeout_ms]  a silent connection that leaves a ping unanswered so long
 *   is given up; 10,000
 * @property {new (url: string, protocols: string[]) => Socket} [WebSocket]  default: the global one
 * @property {(address: URL, init: any) => Promise<any>} [fetch]  default: the global one
 * @property {Timers} [timers]
 * @property {() => number} [random]  in [0, 1)
 */
/**
 * A thing the agent did. `key` is the seq it began at; `time` and `ended` are of its events.
 * @typedef {object} Step
 * @property {number} key
 * @property {'thinking' | 'model' | 'resumed' | 'tool'} kind
 * @property {string} time
 * @property {string} [text]  of `thinking`
 * @property {string} [call_id]
 * @property {string} [name]  of the tool or model
 * @property {any} [arguments]
 * @property {any} [result]
 * @property {{code: string, message: string}} [error]
 * @property {boolean} [done]
 * @property {string} [ended]
 */
/**
 * `over`: it needs no answer any more; `refused`: code of the newest answer that was not taken.
 * @typedef {{request_id: string, prompt: string, schema: any, expires: string, answer?: any,
 *   over?: boolean, refused?: string}} Question
 */
/**
 * `code`, `message`, `reason`: of the end. `time` is of the message; `started`, `newest` of the run.
 * @typedef {object} RunView
 * @property {'sent'|'queued'|'running'|'asking'|'done'|'failed'|'cancelled'|'rejected'} state
 * @property {Step[]} steps
 * @property {Map<string, Question>} questions
 * @property {string} [content]
 * @property {string} [agent]
 * @property {string} [answer]
 * @property {boolean} [cancelling]
 * @property {string} [code]
 * @property {string} [message]
 * @property {string} [reason]
 * @property {string} [time]
 * @property {string} [started]
 * @property {string} [newest]
 */
export {};
