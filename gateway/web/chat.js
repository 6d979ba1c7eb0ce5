/**
 * The chat page: threads of one user, their messages, what the agents do and answer, live over
 * `signalbox.js` and older ones over its `history`. Everything others wrote becomes a text node.
 * @module chat
 */
import {SignalboxClient, SignalboxError, new_message_id} from './signalbox.js';
import {$, Session, Unsent, arrange, dev_token, element, moment, of_tab, offer_theme, plain, say, set_text, show_sign_in}
  from './signalbox_page.js';
import {Thread, kTerminal} from './signalbox_turn.js';

const kPageEvents = 200; // of older history at a time
const kThreadsKept = 8; // with their messages in memory
const kSaidMax = 400; // characters of an answer that are read aloud
const kTitleMax = 200;
const kNearEndPx = 80;
const kTryAgainWithinMs = 24 * 3600 * 1000; // as long as the service knows a message again
const kExamples = ['what is 17 * 23?', 'How many days until Christmas?', 'help'];
const kUnkept = 'The browser keeps no data: this message is lost if you close the page before it is sent.';
const kDamaged = 'Your record at the service is damaged: nothing is answered until its operator has mended it.';
const session = new Session('signalbox.session', '/');

// ---- the page

const kStates = {connecting: 'Connecting…', catching_up: 'Catching up…', live: 'Connected', waiting: 'Not connected',
  stopped: 'Disconnected'};
const kClosed = {1001: 'the service went away', 1006: 'the service cannot be reached', 4000: 'the service restarts',
  4001: 'this device read too slowly', 4002: 'nothing was heard from this device', 4003: 'the service has too much to do',
  4004: 'the service cannot read its log', 4403: 'this user may not do that: sign in as another one',
  4408: 'signing in took too long: load the page anew',
  4409: 'too many windows of this user are open: close some of them',
  4429: 'too many messages were sent: wait a minute, then load the page anew'};

class Chat {
  #threads = new Map();
  #entries = new Map(); // of the list of threads
  #current;
  #dirty = new Set();
  #name = new_message_id(); // of this window
  #adopted = new Set(); // names of windows
  #scheduled = false;
  #follow = true; // the newest message stays in sight
  #top = 0; // where the messages were scrolled to
  #started = false; // the stream began: what is pulled from now on leaves no gap before it
  #trouble = false;
  #damaged = false; // the user's history
  #more_threads = null;
  #actions = {
    cancel: (turn) => {
      turn.cancelling = true;
      this.client.cancel_run({run_id: turn.run_id}).catch(({message}) => {
        turn.cancelling = false;
        this.#fault(`It was not stopped: ${message}`);
      }).finally(() => this.#touch(turn));
      this.#touch(turn);
    },
    answer: (turn, request_id, data) => this.client.run_input({run_id: turn.run_id, request_id, data}),
    again: (turn) => {
      const {content, agent} = turn.local;
      this.#actions.discard(turn);
      this.#say(turn.thread.id, content, agent);
    },
    discard: (turn) => {
      this.unsent.drop(turn.message_id);
      turn.thread.remove(turn);
      $('message').focus();
    },
  };

  constructor(who) {
    this.who = who;
    this.unsent = new Unsent(who.user_id);
    this.drafts = `signalbox.draft/${encodeURIComponent(who.user_id)}/`;
    this.client = new SignalboxClient({url: new URL('/ws', location.href).href.replace(/^http/, 'ws'),
      token: (why) => this.#token(why)});
    this.client.on('state', (change) => this.#show_state(change));
    this.client.on('ready', () => this.#start());
    this.client.on('event', (frame) => this.#take(frame));
    this.client.on('progress', (piece) => {
      const thread = this.#thread(piece.thread_id);
      if (!thread.loaded) return;
      const turn = thread.turn(piece);
      turn.grow(piece);
      this.#touch(turn);
    });
    this.client.on('reset', () => location.reload());
    this.client.on('error', ({code}) => { if (code === 'history_damaged') this.#set_damaged(true); });
    this.client.connect(); // its way to the service and back takes longer than all that follows
    this.#listen();
    this.#open(this.#id_of_address());
    // Without locks (a page from afar over http) what is there when a window opens is sent by it.
    // A browser that forbids to keep anything refuses them: then no window sees what another one has.
    if (navigator.locks) navigator.locks.request(this.unsent.prefix + this.#name, () => new Promise(() => {})).catch(() => {});
    else for (const message of this.unsent.all()) this.#send(message);
  }

  async #token(why) {
    if (!this.who.token) return dev_token(this.who.user_id);
    if (why === 'refused') session.leave('Your token is not valid any more. Sign in with a new one.');
    if (why !== 'first') throw new Error('the token ends soon and cannot be renewed here');
    return this.who.token;
  }

  #id_of_address() {
    try {
      return decodeURIComponent(location.hash.slice(1)) || `t-${new_message_id().slice(2)}`;
    } catch {
      return location.hash.slice(1);
    }
  }

  #thread(id) {
    if (!this.#threads.has(id)) this.#threads.set(id, new Thread(id, this.#actions));
    return this.#threads.get(id);
  }

  #listen() {
    $('who').textContent = plain(this.who.user_id);
    for (const name of document.body.dataset.agents.split('\n')) $('agent').append(element('option', {value: name}, name));
    $('agent_label').hidden = $('agent').length < 2;
    $('examples').replaceChildren(...kExamples.map((text) =>
      element('button', {type: 'button', class: 'small', onclick: () => this.#say(this.#current.id, text)}, text)));
    const on = (id, type, listener) => $(id).addEventListener(type, listener);
    on('sign_out', 'click', () => {
      for (const key of of_tab.keys(this.drafts)) of_tab.drop(key);
      session.leave();
    });
    on('try_now', 'click', () => (this.client.state === 'stopped' ? this.client.connect() : this.client.wake()));
    on('new_thread', 'click', () => this.#open(`t-${new_message_id().slice(2)}`));
    on('more_threads', 'click', () => this.#load_threads());
    on('older', 'click', () => this.#load_history());
    on('newest', 'click', () => this.#to_end());
    on('scroller', 'scroll', () => this.#scrolled());
    on('menu', 'click', () => this.#menu(!$('chat').classList.contains('menu-open')));
    on('chat', 'click', ({target}) => { if (target === $('chat')) this.#menu(false); });
    on('composer', 'submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    on('message', 'input', () => this.#keep_draft());
    on('message', 'keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    document.addEventListener('keydown', ({key}) => {
      if (key !== 'Escape') return;
      if ($('chat').classList.contains('menu-open')) this.#menu(false);
      else $('message').focus();
    });
    document.addEventListener('visibilitychange', () => this.#touch());
    window.addEventListener('hashchange', () => this.#open(this.#id_of_address()));
    window.addEventListener('online', () => this.client.wake());
    window.addEventListener('storage', ({key}) => { if (key?.startsWith(this.unsent.prefix)) this.#show_unsent(); });
    setInterval(() => this.#count_down(), 500);
    new ResizeObserver(() => { if (this.#follow) this.#to_end(); }).observe($('turns'));
  }

  // ---- the connection

  #show_state({state, code, reason, wait_ms}) {
    if (state === 'stopped' && code === 4401) return session.leave(`You could not be signed in: ${reason}.`);
    $('status').dataset.state = state;
    $('status_text').textContent = kStates[state];
    this.#return_at = wait_ms === undefined ? undefined : performance.now() + wait_ms;
    if (state === 'waiting' || state === 'stopped') {
      const why = navigator.onLine ? kClosed[code] ?? reason?.replace(/^Error: /, '') ?? 'for an unknown reason' : 'this device is offline';
      set_text($('banner_text'), `Not connected: ${why}. What you write is kept and sent later.`);
      if (!this.#trouble) say(`Connection lost: ${why}`);
      this.#trouble = true;
    } else if (state === 'live' && this.#trouble) {
      this.#trouble = false;
      say('Connected again');
    }
    if (!this.#trouble && this.#damaged) set_text($('banner_text'), kDamaged);
    $('banner').hidden = !this.#trouble && !this.#damaged;
    $('try_now').hidden = !this.#trouble;
    this.#count_down();
    return undefined;
  }

  #set_damaged(damaged) {
    if (damaged === this.#damaged) return;
    this.#damaged = damaged;
    if (damaged) say(kDamaged);
    this.#show_state(this.client);
  }

  #return_at;
  #count_down() {
    const seconds = Math.ceil((this.#return_at - performance.now()) / 1000);
    const text = this.client.state === 'waiting' ? `Next try in ${Math.max(0, seconds)} s.` : kStates[this.client.state];
    set_text($('banner_wait'), this.#trouble ? text : '');
  }

  #start() {
    this.#started = true;
    if (!this.#more_threads) this.#load_threads();
    if (!this.#current.loaded) this.#load_history();
  }

  // ---- what comes

  #take(frame) {
    if (!frame.thread_id) return;
    if (frame.type === 'message_received') this.#set_damaged(false);
    if (frame.data?.code === 'history_damaged') this.#set_damaged(true); // a message that was not taken
    const thread = this.#thread(frame.thread_id);
    Object.assign(thread, {time: frame.time, newest_seq: frame.seq});
    if (frame.type === 'message_received') thread.title ||= frame.data.content.slice(0, kTitleMax);
    this.unsent.drop(frame.data?.message_id);
    if (thread.loaded || thread.loading) this.#touch(thread.take(frame));
    const is_end = frame.type === 'agent_completed' || frame.type === 'agent_failed';
    if (is_end && (thread !== this.#current || document.hidden)) thread.unread++;
    if (thread === this.#current && this.client.state === 'live') this.#announce(frame);
    this.#touch();
  }

  #announce({type, data}) {
    const cut = (text) => (text.length > kSaidMax ? `${text.slice(0, kSaidMax)} …` : text);
    if (type === 'agent_completed') say(`Answer: ${cut(data.content)}`);
    if (type === 'agent_failed') say(`The agent could not finish: ${data.message}`);
    if (type === 'agent_cancelled') say('Stopped');
    if (type === 'message_rejected') say(`The message was not taken: ${data.message}`);
    if (type === 'input_requested') say(`The agent asks: ${cut(data.prompt)}`);
  }

  async #load_threads() {
    this.#fault('');
    try {
      const page = await this.client.threads(this.#more_threads?.next ? {next: this.#more_threads.next} : {limit: 50});
      this.#more_threads = page;
      for (const {thread_id, first_words, time, newest_seq} of page.threads) {
        const thread = this.#thread(thread_id);
        thread.title = first_words || thread.title;
        if (newest_seq > thread.newest_seq) Object.assign(thread, {time, newest_seq});
      }
      $('more_threads').hidden = !page.next;
      set_text($('more_threads'), 'Show more');
      this.#touch();
    } catch ({message}) {
      this.#fault(`Your conversations could not be listed: ${message}`);
      $('more_threads').hidden = false;
      set_text($('more_threads'), 'Try again');
    }
  }

  /** The newest page of the thread that is open, or the one before what is here. */
  async #load_history() {
    const thread = this.#current;
    if (!this.#started || thread.loading || (thread.loaded && !thread.next)) return;
    thread.loading = true;
    $('history_fault').hidden = true;
    try {
      const page = await this.client.history(thread.next ? {next: thread.next} : {thread_id: thread.id, limit: kPageEvents});
      thread.next = page.next;
      thread.loaded = true;
      const anchor = thread.turns.find(({node}) => !node.hidden);
      const before = anchor?.node.getBoundingClientRect().top;
      for (const frame of page.events) this.#touch(thread.take(frame));
      for (const {data} of page.events) this.unsent.drop(data?.message_id);
      this.#render();
      if (anchor && !this.#follow) $('scroller').scrollTop += anchor.node.getBoundingClientRect().top - before;
      performance.mark('signalbox-ready');
    } catch ({message}) {
      $('history_fault').hidden = false;
      set_text($('history_fault'), `Earlier messages could not be loaded: ${message}`);
    } finally {
      thread.loading = false;
      this.#touch();
    }
  }

  // ---- what goes

  #submit() {
    const content = $('message').value;
    this.#fault('');
    if (content.trim() === '') return;
    $('message').value = '';
    this.#keep_draft();
    this.#say(this.#current.id, content, $('agent').value);
  }

  #say(thread_id, content, agent) {
    this.#follow = true;
    const message = {message_id: new_message_id(), thread_id, content, agent, at: new Date().toISOString(),
      window: this.#name};
    if (!this.unsent.put(message)) this.#fault(kUnkept);
    this.#send(message);
    this.#show_unsent();
    $('message').focus();
  }

  /**
   * Sends what a closed window left, in its order and once: a window has the lock of its name for as
   * long as it lives, and then one of those that asked for it.
   */
  #adopt(name) {
    if (this.#adopted.has(name)) return;
    this.#adopted.add(name);
    navigator.locks.request(this.unsent.prefix + name, () => Promise.all(
      this.unsent.all().filter((message) => message.window === name).map((message) => this.#send(message))));
  }

  async #send(message) {
    const {message_id, thread_id, content, agent, at, refused} = message;
    if (refused) return;
    try {
      if (Date.now() - Date.parse(at) > kTryAgainWithinMs)
        throw new SignalboxError('outcome_unknown', 'it waited for more than a day, and may have been received');
      const {run_id} = await this.client.user_message({message_id, thread_id, content, agent});
      this.unsent.drop(message_id);
      const thread = this.#thread(thread_id);
      if (thread.loaded || thread === this.#current) this.#touch(thread.turn({run_id, message_id}));
    } catch ({code, message: why}) {
      const most = code === 'too_large' && /^content must have at most (\d+) bytes/.exec(why)?.[1];
      if (most && this.#is_free_for(message)) this.#give_back(message, most);
      else if (code !== 'closed') this.unsent.put({...message, refused: {code, message: why}});
    }
    this.#show_unsent();
  }

  /** Whether the box it was written in is open and empty. */
  #is_free_for({thread_id, window}) {
    return thread_id === this.#current.id && window === this.#name && $('message').value === '';
  }

  /** To the box, to be cut: how much the service takes, it says when it refuses more. */
  #give_back({message_id, content}, bytes_max) {
    this.unsent.drop(message_id);
    $('message').value = content;
    const bytes = new TextEncoder().encode(content).length;
    this.#fault(`This message has ${bytes} bytes; the most is ${bytes_max}. Send it in parts.`);
    this.#keep_draft();
  }

  /** Messages without an ack, of this window and the others, where they belong. */
  #show_unsent() {
    const waiting = new Map(this.unsent.all().map((message) => [message.message_id, message]));
    for (const turn of [...this.#current.turns])
      if (turn.local && turn.order === Infinity && !turn.run_id && !waiting.has(turn.message_id)) turn.thread.remove(turn);
    for (const message of waiting.values()) {
      if (navigator.locks && message.window !== this.#name) this.#adopt(message.window);
      const thread = this.#thread(message.thread_id);
      thread.title ||= message.content.slice(0, kTitleMax);
      if (thread !== this.#current && !thread.loaded) continue;
      const turn = thread.turn(message);
      turn.local = message;
      this.#touch(turn);
    }
    if (!waiting.size && $('composer_fault').textContent === kUnkept) this.#fault('');
    this.#touch();
  }

  #keep_draft() {
    const {value} = $('message');
    const key = this.drafts + this.#current.id;
    if (value) of_tab.set(key, value);
    else of_tab.drop(key);
    $('send').disabled = value.trim() === '';
  }

  #fault(text) { set_text($('composer_fault'), text); }

  // ---- what is seen

  #open(id) {
    const before = this.#current;
    const thread = this.#current = this.#thread(id);
    if (before === thread) return;
    thread.unread = 0;
    const kept = [...this.#threads.values()].filter(({loaded}) => loaded);
    for (const other of kept.slice(0, -kThreadsKept))
      if (other !== thread && other.turns.every(({state}) => kTerminal.has(state))) other.forget();
    history[before ? 'pushState' : 'replaceState'](null, '', `#${encodeURIComponent(id)}`);
    $('turns').replaceChildren(thread.list);
    $('message').value = of_tab.get(this.drafts + id) ?? '';
    this.#keep_draft();
    this.#fault('');
    this.#menu(false);
    this.#show_unsent();
    this.#to_end();
    if (!thread.loaded) this.#load_history();
    if (matchMedia('(pointer: fine)').matches) $('message').focus();
  }

  #menu(open) {
    const was = $('chat').classList.toggle('menu-open', open) !== open;
    $('menu').setAttribute('aria-expanded', String(open));
    document.querySelector('.talk').inert = open;
    if (open) $('new_thread').focus();
    else if (was) $('menu').focus();
  }

  #scrolled() {
    const {scrollTop, scrollHeight, clientHeight} = $('scroller');
    const is_near_end = scrollHeight - scrollTop - clientHeight < kNearEndPx;
    // Only who goes up looks away: what is in sight may also have grown.
    this.#follow = is_near_end || (this.#follow && scrollTop >= this.#top);
    this.#top = scrollTop;
    $('newest').hidden = this.#follow;
    if (scrollTop < clientHeight && this.#current.loaded) this.#load_history();
  }

  #to_end() {
    this.#follow = true;
    $('scroller').scrollTop = $('scroller').scrollHeight;
  }

  /** Something changed: the page shows it with the next frame, or soon where nobody looks. */
  #touch(turn) {
    if (turn) this.#dirty.add(turn);
    if (this.#scheduled) return;
    this.#scheduled = true;
    (document.hidden ? setTimeout : requestAnimationFrame)(() => this.#render());
  }

  #render() {
    this.#scheduled = false;
    for (const turn of this.#dirty) turn.render();
    this.#dirty.clear();
    if (!document.hidden) this.#current.unread = 0;
    const {title, turns, loaded, loading, next} = this.#current;
    set_text($('title'), title || 'New conversation');
    $('empty').hidden = turns.length > 0 || !loaded;
    $('older').hidden = loaded ? !next : $('history_fault').hidden;
    $('older').disabled = loading;
    this.#render_threads();
    const unread = [...this.#threads.values()].reduce((sum, thread) => sum + thread.unread, 0);
    document.title = plain(`${unread ? `(${unread}) ` : ''}${title.slice(0, 60) || 'signalbox'}`);
    if (this.#follow) this.#to_end();
  }

  #render_threads() {
    const focused = document.activeElement;
    const shown = [...this.#threads.values()].filter((thread) => thread.title || thread === this.#current);
    const rank = ({newest_seq}) => newest_seq || Infinity; // what was not sent yet is newest
    shown.sort((a, b) => rank(b) - rank(a) || 0);
    arrange($('thread_list'), shown.map((thread) => this.#entry(thread)));
    if (focused !== document.activeElement && $('thread_list').contains(focused)) focused.focus();
  }

  #entry(thread) {
    if (!this.#entries.has(thread.id))
      this.#entries.set(thread.id, element('li', {}, element('button', {type: 'button', onclick: () => this.#open(thread.id)},
        element('bdi', {class: 'first'}), element('span', {class: 'unread'}), element('time'))));
    const entry = this.#entries.get(thread.id);
    const [first, unread, time] = entry.firstChild.children;
    set_text(first, thread.title.slice(0, 100) || 'New conversation');
    set_text(unread, thread.unread ? `${thread.unread} new` : '');
    unread.hidden = !thread.unread;
    set_text(time, thread.time ? moment(thread.time) : '');
    if (thread === this.#current) entry.firstChild.setAttribute('aria-current', 'true');
    else entry.firstChild.removeAttribute('aria-current');
    return entry;
  }
}

// ---- signing in

async function enter(who) {
  if (!who.token) await dev_token(who.user_id);
  session.set(who);
  start();
}

function start() {
  const who = session.get();
  if (!who) return show_sign_in({title: 'signalbox', token: 'Token'}, enter);
  $('chat').hidden = false;
  return new Chat(who);
}

offer_theme($('theme'));
start();
