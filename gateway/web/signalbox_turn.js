/**
 * How one message and the run that answers it look on a page: steps, growing answer, questions, end;
 * and the thread they make.
 * @module signalbox_turn
 */
import {arrange, element, json_text, plain, set_text, time_of} from './signalbox_page.js';
import {Run} from './signalbox_run.js';

/** States after which nothing changes any more. */
export const kTerminal = new Set(['done', 'failed', 'cancelled', 'rejected', 'refused']);

// ---- questions of an agent

/** A field for a JSON Schema, and how to read it. */
function field_of(schema, name) {
  const label = schema.title ?? name;
  const wrap = (input) => element('label', {}, label, input);
  const {type, enum: choices, properties} = schema;
  if (choices || type === 'boolean') {
    const values = choices ?? [true, false];
    const names = choices?.map(json_text) ?? ['Yes', 'No'];
    const input = element('select', {}, ...names.map((text, i) => element('option', {value: i}, text)));
    return {values, names, node: wrap(input), read: () => values[input.selectedIndex]};
  }
  if (type === 'object' && properties) {
    const fields = Object.entries(properties).map(([key, part]) => [key, field_of(part, key)]);
    const given = ([key, value]) => value !== undefined && (value !== '' || schema.required?.includes(key));
    const read = () => Object.fromEntries(fields.map(([key, field]) => [key, field.read()]).filter(given));
    return {node: element('div', {class: 'run'}, ...fields.map(([, field]) => field.node)), read};
  }
  const is_number = type === 'number' || type === 'integer';
  const is_text = type === 'string';
  const input = is_number ? element('input', {type: 'number', step: type === 'integer' ? 1 : 'any'})
    : element('textarea', {rows: is_text ? 1 : 4, dir: 'auto'});
  const read = () => {
    if (is_text) return input.value;
    if (input.value.trim() === '') return undefined;
    return is_number ? Number(input.value) : JSON.parse(input.value);
  };
  return {node: wrap(input), read};
}

function question_form(question, answer) {
  const field = field_of(question.schema ?? {}, 'Your answer');
  const fault = element('p', {class: 'fault', role: 'alert'});
  const send = (data) => {
    fault.textContent = '';
    for (const button of form.querySelectorAll('button')) button.disabled = true;
    answer(data).catch((error) => {
      fault.textContent = plain(`Not sent: ${error.message}`);
      for (const button of form.querySelectorAll('button')) button.disabled = false;
    });
  };
  const is_choice = field.names && field.names.length <= 5;
  const form = element('form', {class: 'question', onsubmit: (event) => {
    event.preventDefault();
    try {
      send(field.read());
    } catch (error) {
      fault.textContent = plain(`This is not JSON: ${error.message}`);
    }
  }}, element('p', {class: 'text', dir: 'auto'}, question.prompt), ...(is_choice
    ? [element('div', {class: 'buttons'}, ...field.names.map((name, i) =>
      element('button', {type: 'button', onclick: () => send(field.values[i])}, name)))]
    : [field.node, element('div', {}, element('button', {class: 'primary small'}, 'Answer'))]), fault);
  return form;
}

// ---- one message and the run that answers it

const kBlockTurns = 16;
const kEnds = {
  failed: (v) => `The agent could not finish: ${v.message || v.code} (${v.code}).`,
  cancelled: (v) => `Stopped${v.reason ? `: ${v.reason}` : ''}.`,
  rejected: (v) => `This message was not taken: ${v.message || v.code} (${v.code}).`,
  refused: (v) => `Not sent: ${v.message || v.code} (${v.code}).`,
};
const kFoot = {unsent: 'waiting to be sent', sent: 'sent', queued: 'waiting for its turn'};

/** One message and its run, in a page; `actions` are called with it. */
export class Turn extends Run {
  node = element('article', {class: 'turn'});
  local = null; // what this page was told to send: {content, agent, at, refused?}
  #parts = {};
  #steps = new Map();
  #questions = new Map();

  constructor(thread, actions) {
    super();
    Object.assign(this, {thread, actions});
  }

  get state() {
    if (this.order < Infinity) return this.view.state;
    return this.local?.refused ? 'refused' : this.run_id ? 'sent' : 'unsent';
  }

  #part(name, make) {
    if (!this.#parts[name]) {
      const order = ['said', 'foot', 'run'];
      this.#parts[name] = make();
      if (order.includes(name)) this.node.append(...order.map((part) => this.#parts[part]).filter(Boolean));
    }
    return this.#parts[name];
  }

  render() {
    const {state, view} = this;
    this.node.dataset.state = state;
    const content = view.content ?? this.local?.content;
    // Older history begins with the end of a run: it shows once the rest is here too.
    this.node.hidden = content === undefined && kTerminal.has(state) && state !== 'rejected';
    if (content !== undefined) this.#render_said(content);
    if (view.agent || view.steps.length > 0 || kTerminal.has(state) || this.run_id) this.#render_run();
  }

  #render_said(content) {
    const said = this.#part('said', () => element('div', {class: 'said'}, element('h2', {class: 'unseen'}, 'You'),
      element('p', {class: 'text', dir: 'auto'})));
    set_text(said.lastChild, content);
    const foot = this.#part('foot', () => element('div', {class: 'foot'}));
    const time = this.view.time ?? this.local?.at;
    const more = kFoot[this.state];
    foot.replaceChildren(...(time ? [time_of(time)] : []), ...(more ? [element('span', {}, more)] : []));
  }

  #render_run() {
    const {state, view} = this;
    const run = this.#part('run', () => element('div', {class: 'run'}));
    const over = kTerminal.has(state);
    const answer = view.answer ?? this.growing;
    if (view.steps.length > 0 || (state === 'running' && !answer)) this.#render_steps(over);
    for (const [id, question] of view.questions) this.#render_question(id, question, over);
    if (answer) set_text(this.#part('answer', () => element('p', {class: 'text', dir: 'auto'})), answer);
    this.#parts.answer?.classList.toggle('busy', !over);
    const end = kEnds[state]?.({...this.local?.refused, ...view});
    if (end) set_text(this.#part('end', () => element('p', {class: `end${state === 'cancelled' ? '' : ' bad'}`})), end);
    this.#render_buttons(over);
    const {steps, end: ended, buttons} = this.#parts;
    const who = this.#part('who', () => element('h2', {class: 'unseen'}));
    set_text(who, view.agent ?? 'Agent');
    arrange(run, [who, steps, ...this.#questions.values(), this.#parts.answer, end && ended, buttons].filter(Boolean));
  }

  #render_buttons(over) {
    const again = this.local?.content !== undefined && ['rejected', 'refused'].includes(this.state);
    const wanted = over ? again && 'again' : this.run_id && (this.view.cancelling || this.cancelling ? 'stopping' : 'stop');
    const buttons = this.#part('buttons', () => element('div', {class: 'buttons'}));
    if (buttons.dataset.show === String(wanted)) return;
    buttons.dataset.show = String(wanted);
    const button = (text, action) => element('button', {type: 'button', class: 'small', onclick: () => action(this)}, text);
    buttons.replaceChildren(...{
      again: () => [button('Try again', this.actions.again), button('Discard', this.actions.discard)],
      stopping: () => [element('span', {class: 'muted'}, 'Stopping…')],
      stop: () => [button('Stop', this.actions.cancel)],
    }[wanted]?.() ?? []);
  }

  #render_steps(over) {
    const {steps, newest, started} = this.view;
    const details = this.#part('steps', () => {
      const summary = element('summary', {onclick: () => { this.chosen = true; }});
      return element('details', {class: 'steps', ontoggle: () => this.#fill_steps()}, summary, element('ol'));
    });
    const now = steps.findLast(({kind, done}) => kind === 'tool' && !done);
    const tools = steps.filter(({kind}) => kind === 'tool').length;
    const seconds = Math.max(0, (new Date(newest) - new Date(started)) / 1000);
    set_text(details.firstChild, !over ? (now ? `Using ${now.name}` : this.state === 'asking' ? 'Waiting for you' : 'Thinking')
      : `${tools ? `Used ${tools === 1 ? steps.find(({kind}) => kind === 'tool').name : `${tools} tools`}` : 'Thought'}`
        + ` for ${seconds < 0.95 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`}`);
    details.firstChild.classList.toggle('busy', !over && this.state !== 'asking');
    if (!this.chosen) details.open = !over;
    this.#fill_steps();
  }

  /** What is folded away costs nothing until somebody opens it. */
  #fill_steps() {
    const {steps: details} = this.#parts;
    if (!details?.open) return;
    for (const step of this.view.steps) {
      const shown = this.#steps.get(step.key);
      const done = step.done || kTerminal.has(this.state);
      if (shown && shown.done === done) continue;
      const code = (name, value, kind = '') => (value === undefined ? []
        : [element('small', {}, name), element('pre', {class: `text ${kind}`, dir: 'auto', tabindex: 0}, json_text(value))]);
      const item = {
        thinking: () => element('li', {class: 'text', dir: 'auto'}, step.text),
        model: () => element('li', {}, element('b', {}, element('bdi', {}, step.name)), ...code('answered', step.result)),
        resumed: () => element('li', {}, 'Interrupted, and taken up again where it was.'),
        tool: () => element('li', {class: done ? '' : 'busy'}, element('b', {}, element('bdi', {}, step.name)),
          ...code('asked', step.arguments), ...code('answered', step.result),
          ...code('failed', step.error && `${step.error.code}: ${step.error.message}`, 'bad')),
      }[step.kind]();
      this.#steps.set(step.key, {item, done});
    }
    arrange(details.lastChild, this.view.steps.map(({key}) => this.#steps.get(key).item));
  }

  #render_question(id, question, over) {
    const shown = this.#questions.get(id);
    const version = `${question.over} ${over} ${question.refused}`;
    if (shown?.dataset.version === version) return;
    const form = question.over || over
      ? element('div', {class: 'question over'}, element('p', {class: 'text', dir: 'auto'}, question.prompt),
        element('p', {class: 'muted text', dir: 'auto'}, question.over ? `Answered: ${json_text(question.answer)}` : 'Not answered'))
      : question_form(question, (data) => this.actions.answer(this, id, data));
    if (question.refused && !question.over) form.append(element('p', {class: 'fault'}, `That answer was not taken (${question.refused}).`));
    form.dataset.version = version;
    this.#questions.set(id, form);
    shown?.replaceWith(form);
  }
}

// ---- a thread of them

/** The turns of a thread in their order, in the page as in memory. */
export class Thread {
  list = element('div', {class: 'turns'});
  title = '';
  time = '';
  newest_seq = 0;
  unread = 0;
  loaded = false; // its newest messages are here, and it gets what comes
  loading = false;
  next = null; // path of older history
  turns = [];
  #by_run = new Map();
  #by_message = new Map();

  constructor(id, actions) { Object.assign(this, {id, actions}); }

  /** The turn of a run or message, made where it is not known. */
  turn(ids) {
    const turn = this.#find(ids);
    if (!turn.node.parentNode) this.#place(turn);
    return turn;
  }

  #find({run_id, message_id}) {
    const of_run = run_id && this.#by_run.get(run_id);
    const of_message = message_id && this.#by_message.get(message_id);
    const turn = of_run ?? of_message ?? new Turn(this, this.actions);
    if (of_message && of_message !== turn) { // pieces of its answer were here before the message
      turn.local = of_message.local;
      this.remove(of_message);
    }
    if (run_id) this.#by_run.set(turn.run_id = run_id, turn);
    if (message_id) this.#by_message.set(turn.message_id = message_id, turn);
    return turn;
  }

  /** The turn the event changed; none where it was known or is of no turn here. */
  take(frame) {
    const ids = {run_id: frame.run_id, message_id: frame.data?.message_id};
    if (!ids.run_id && !ids.message_id) return undefined;
    if (frame.type === 'cancel_rejected' && !this.#by_run.has(ids.run_id)) return undefined;
    const turn = this.#find(ids);
    const {order} = turn;
    if (!turn.take(frame)) return undefined;
    if (turn.order !== order) this.#place(turn);
    return turn;
  }

  remove(turn) {
    this.#take_out(turn.node);
    this.turns.splice(this.turns.indexOf(turn), 1);
    this.#by_message.delete(turn.message_id);
    this.#by_run.delete(turn.run_id);
  }

  /** Lets its messages go; they are pulled again when somebody looks. */
  forget() {
    for (const turn of [...this.turns]) this.remove(turn);
    this.loaded = false;
    this.next = null;
  }

  #place(turn) {
    const at = this.turns.indexOf(turn);
    if (at >= 0) this.turns.splice(at, 1);
    let place = this.turns.length;
    while (place > 0 && this.turns[place - 1].order > turn.order) place--;
    this.turns.splice(place, 0, turn);
    this.#put(turn.node, this.turns[place - 1]?.node, this.turns[place + 1]?.node);
  }

  /** Turns stand in blocks, so that a browser has few things to skip where the history is long. */
  #put(node, before, after) {
    const prior = node.previousSibling ?? node.parentNode?.previousSibling?.lastChild;
    if (node.parentNode && prior == before) return; // null and undefined alike
    if (node.parentNode) this.#take_out(node);
    const has_room = (other) => other && other.parentNode.children.length < kBlockTurns;
    if (has_room(before) || (before && before.parentNode === after?.parentNode)) before.after(node);
    else if (has_room(after)) after.before(node);
    else this.list.insertBefore(element('div', {class: 'block'}, node), before ? before.parentNode.nextSibling : this.list.firstChild);
  }

  #take_out(node) {
    const block = node.parentNode;
    node.remove();
    if (!block.firstChild) block.remove();
  }
}
