/**
 * What the events of one run amount to: for whoever shows runs, beside signalbox.js. No page is
 * touched here. Events may come in any order and more than once, as they do where older history is
 * pulled beside the stream.
 * @module signalbox_run
 */
/** @import {EventFrame, ProgressFrame, RunView, Step} from './signalbox_types.js' */

/** What each event changes. @type {Record<string, (view: RunView, data: any, frame: any) => void>} */
const kChanges = {
  message_received: (view, {content}, {time}) => void Object.assign(view, {state: 'queued', content, time}),
  agent_started: (view, {agent}, {time}) =>
    void Object.assign(view, {state: 'running', agent, started: time}),
  agent_thinking: (view, {content}, frame) => void begin(view, frame, 'thinking', {text: content}),
  model_completed: (view, {model, output}, frame) =>
    void begin(view, frame, 'model', {name: model, result: output, done: true}),
  run_resumed: (view, _, frame) => void begin(view, frame, 'resumed', {}),
  tool_executing: (view, data, frame) => {
    const before = view.steps.findIndex((step) => step.call_id === data.call_id);
    if (before < 0) begin(view, frame, 'tool', data);
    else view.steps.push(...view.steps.splice(before, 1)); // the same call, taken up by a new owner
  },
  tool_completed: (view, data, frame) => {
    const call = view.steps.find((step) => step.call_id === data.call_id);
    Object.assign(call ?? begin(view, frame, 'tool', {}), data, {done: true, ended: frame.time});
  },
  input_requested: (view, data) => {
    view.questions.set(data.request_id, {...data});
    view.state = 'asking';
  },
  run_input_received: (view, {request_id, data}) => {
    Object.assign(view.questions.get(request_id) ?? {}, {answer: data, over: true});
    view.state = 'running';
  },
  run_input_rejected: (view, {request_id, code}) =>
    void Object.assign(view.questions.get(request_id) ?? {}, {refused: code}),
  cancel_requested: (view) => { view.cancelling = true; },
  agent_completed: (view, {content}) => void Object.assign(view, {state: 'done', answer: content}),
  agent_failed: (view, data) => void Object.assign(view, data, {state: 'failed'}),
  agent_cancelled: (view, data) => void Object.assign(view, data, {state: 'cancelled'}),
  message_rejected: (view, data) => void Object.assign(view, data, {state: 'rejected'}),
};

/** @param {RunView} view @param {EventFrame} frame @param {Step['kind']} kind @param {any} more */
function begin(view, {seq, time}, kind, more) {
  const step = {key: seq, kind, time, ...more};
  view.steps.push(step);
  return step;
}

/** One message and the run that answers it, as far as they are known. */
export class Run {
  /** Seq it is sorted by: of its message, or of its first known event. */
  order = Infinity;
  /** @type {string | undefined} */ run_id;
  /** @type {RunView} */ view = {state: 'sent', steps: [], questions: new Map()};
  /** The answer so far, from the pieces that came; `view.answer` is the truth once it is there. */
  growing = '';
  #code_points = 0;
  #attempt = 0;
  /** @type {Map<number, EventFrame>} */ #frames = new Map();

  /** @param {EventFrame} frame @returns {boolean} whether it was new */
  take(frame) {
    if (this.#frames.has(frame.seq)) return false;
    this.#frames.set(frame.seq, frame);
    this.run_id ??= frame.run_id;
    const frames = [...this.#frames.values()].sort((a, b) => a.seq - b.seq);
    this.order = (frames.find(({type}) => type === 'message_received') ?? frames[0]).seq;
    this.view = {state: 'sent', steps: [], questions: new Map()};
    for (const each of frames) {
      this.view.started ??= each.time;
      this.view.newest = each.time;
      kChanges[each.type]?.(this.view, each.data ?? {}, each);
    }
    this.#enter_attempt(frame.attempt ?? 0);
    return true;
  }

  /** @param {ProgressFrame} piece */
  grow({attempt, data: {offset, content}}) {
    this.#enter_attempt(attempt);
    const end = offset + [...content].length;
    if (attempt < this.#attempt || end <= this.#code_points) return;
    if (offset < this.#code_points) this.growing = [...this.growing].slice(0, offset).join('');
    this.growing += (offset > this.#code_points ? ' … ' : '') + content; // what lies between was lost
    this.#code_points = end;
  }

  /** Pieces of an earlier attempt are void. @param {number} attempt */
  #enter_attempt(attempt) {
    if (attempt <= this.#attempt) return;
    this.#attempt = attempt;
    this.#code_points = 0;
    this.growing = '';
  }
}
