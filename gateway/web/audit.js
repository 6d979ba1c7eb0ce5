/**
 * The audit page: sign in as an auditor, find a user, and look at his history in several ways. What is
 * seen stands in the address. Everything others wrote becomes a text node.
 * @module audit
 */
/** @import {Place, UserPage, UserSummary} from './audit_api.js' */
/** @import {AuditView, Desk} from './audit_parts.js' */
import {AuditApi, AuditError, address_of, incomplete_text, kTabs, place_of} from './audit_api.js';
import {go_by_arrows, is_refusal, reason_of} from './audit_parts.js';
import {Export, Verify, Views} from './audit_proof.js';
import {Runs} from './audit_runs.js';
import {StateView} from './audit_state.js';
import {Timeline} from './audit_timeline.js';
import {$, Session, dev_token, element, offer_theme, plain, say, set_text, show_sign_in, time_of} from './signalbox_page.js';
/** @typedef {import('./signalbox_page.js').Who} Who */

const kTypingMs = 350; // after the last key the users are looked for
const kNoRole = 'this token does not have the role auditor. Ask the operator for one that has, which is made with “signalbox token --user NAME --role auditor”, and sign in with it.';
const session = new Session('signalbox.auditor', '/audit');

/** What signing in failed for, with what to do. @param {unknown} error */
function refusal_of(error) {
  const code = error instanceof AuditError ? error.code : '';
  if (code === 'forbidden') return kNoRole;
  return code === 'token_invalid' ? `${/** @type {Error} */ (error).message}. Ask for a new one, and sign in with it.` : reason_of(error);
}

/** @param {Who} who */
function api_of(who) {
  /** @type {Promise<string> | null} */ let token = who.token ? Promise.resolve(who.token) : null;
  const renew = () => {
    const asked = token = dev_token(who.user_id, ['auditor']);
    asked.catch(() => { if (token === asked) token = null; });
    return asked;
  };
  if (!token) renew(); // on its way before anybody needs it
  return new AuditApi({
    token: async (why) => {
      if (why === 'refused' && who.token) return null;
      return why === 'refused' || !token ? renew() : token;
    },
    trouble: (why, wait_ms = 0) => {
      $('banner').hidden = !why;
      if (!why) return say('Connected again');
      const text = `${why.charAt(0).toUpperCase()}${why.slice(1)}. Trying again in ${(wait_ms / 1000).toLocaleString()} s.`;
      set_text($($('audit').hidden ? 'sign_in_fault' : 'banner_text'), text);
      return undefined;
    },
  });
}

// ---- the page

class Audit {
  /** @type {Record<string, AuditView>} */ #views;
  /** @type {Place} */ #place = {};
  #left = new AbortController(); // of the place before
  #left_search = new AbortController();
  #prefix = '';
  /** @type {string | undefined} */ #more_users;

  /** @param {Who} who @param {AuditApi} api @param {UserPage | AuditError} [users]  as they were when he signed in */
  constructor(who, api, users) {
    this.api = api;
    /** @type {Desk} */
    const desk = {
      api,
      go: (place) => this.#go(place),
      note: (place) => {
        this.#place = place;
        history.replaceState(null, '', address_of(place));
      },
      fault: (text) => set_text($('fault'), text),
      refused: (error) => session.leave(`You were signed out: ${refusal_of(error)}`),
      about: (text) => set_text($('about'), text),
    };
    this.#views = {timeline: new Timeline(desk), runs: new Runs(desk), state: new StateView(desk), verify: new Verify(desk),
      export: new Export(desk), views: new Views(desk)};
    this.#listen(who);
    const shown = this.#show();
    if (users instanceof AuditError) this.#miss_users(users, false);
    else if (users) this.#show_users(users, false);
    else shown.finally(() => this.#find()); // what the address asks for comes first
  }

  /** @param {Who} who */
  #listen(who) {
    $('who').textContent = plain(who.user_id);
    $('own_looks').href = address_of({user: who.user_id, tab: 'timeline', type: 'history_viewed'});
    $('sign_out').addEventListener('click', () => session.leave());
    $('try_now').addEventListener('click', () => this.api.wake());
    $('skip').addEventListener('click', (/** @type {Event} */ event) => {
      event.preventDefault();
      $('panel').focus();
    });
    /** @type {any} */ let typing;
    $('prefix').addEventListener('input', () => {
      clearTimeout(typing);
      typing = setTimeout(() => this.#find(), kTypingMs);
    });
    $('find').addEventListener('submit', (/** @type {Event} */ event) => {
      event.preventDefault();
      clearTimeout(typing);
      this.#find();
    });
    $('more_users').addEventListener('click', () => this.#find(true));
    go_by_arrows($('find').parentNode, '#prefix, #user_list a');
    window.addEventListener('hashchange', () => this.#show());
    window.addEventListener('online', () => this.api.wake());
  }

  // ---- users

  /** @param {boolean} [more] */
  async #find(more = false) {
    const prefix = $('prefix').value.trim();
    if (!more && prefix === this.#prefix && $('user_list').firstChild) return;
    this.#left_search.abort();
    const {signal} = this.#left_search = new AbortController();
    this.#prefix = prefix;
    try {
      const page = more && this.#more_users ? await this.api.more_users(this.#more_users, signal) : await this.api.users(prefix, signal);
      if (!signal.aborted) this.#show_users(page, more);
    } catch (error) {
      if (signal.aborted) return;
      if (is_refusal(error)) return session.leave(`You were signed out: ${refusal_of(error)}`);
      this.#miss_users(error, more);
    }
    return undefined;
  }

  /** No list that belongs to another prefix stays, and the button tries again. @param {unknown} error @param {boolean} more */
  #miss_users(error, more) {
    if (!more) {
      $('user_list').replaceChildren();
      this.#more_users = undefined;
    }
    $('more_users').hidden = false;
    set_text($('more_users'), 'Try again');
    set_text($('found'), `Users could not be listed: ${reason_of(error)}`);
  }

  /** @param {UserPage} page @param {boolean} more */
  #show_users({users, next, incomplete}, more) {
    const rows = users.map((user) => this.#user_row(user));
    if (more) $('user_list').append(...rows);
    else $('user_list').replaceChildren(...rows);
    this.#more_users = next;
    $('more_users').hidden = !next;
    set_text($('more_users'), 'Show more');
    const count = $('user_list').children.length;
    const gap = incomplete_text(incomplete);
    const none = this.#prefix ? 'No user id begins so.' : 'There is no user yet.';
    set_text($('found'), (count === 0 ? (gap ? 'No user was found.' : none)
      : `${count.toLocaleString()}${next ? ' and more' : ''} ${count === 1 ? 'user' : 'users'}${gap && '.'}`) + gap);
    this.#mark_user();
  }

  /** @param {UserSummary} user */
  #user_row({user_id, events, newest_time}) {
    return element('li', {}, element('a', {href: address_of({user: user_id, tab: 'timeline'}), 'data-user': user_id},
      element('bdi', {class: 'gist'}, user_id), element('span', {class: 'muted'}, `${events.toLocaleString()} ${events === 1 ? 'event' : 'events'}`),
      time_of(newest_time)));
  }

  #mark_user() {
    for (const {firstChild: row} of $('user_list').children) {
      if (row.dataset.user === this.#place.user) row.setAttribute('aria-current', 'true');
      else row.removeAttribute('aria-current');
    }
  }

  // ---- places

  /** @param {Place} place */
  #go(place) {
    const address = address_of(place);
    if (address === location.hash) this.#show();
    else location.hash = address;
  }

  async #show() {
    const before = this.#place;
    const place = this.#place = place_of(location.hash);
    const tab = place.tab && Object.hasOwn(kTabs, place.tab) ? place.tab : 'timeline';
    this.#left.abort();
    const {signal} = this.#left = new AbortController();
    set_text($('fault'), '');
    document.body.classList.toggle('has-user', Boolean(place.user));
    $('nobody').hidden = Boolean(place.user);
    $('person').hidden = !place.user;
    this.#mark_user();
    document.title = plain(place.user ? `${place.user.slice(0, 60)}: ${kTabs[tab]} · signalbox audit` : 'signalbox audit');
    if (!place.user) return;
    if (before.user !== place.user) set_text($('about'), '');
    set_text($('user'), place.user);
    $('tabs').replaceChildren(...Object.entries(kTabs).map(([name, title]) => element('li', {},
      element('a', {href: address_of({user: place.user, tab: name}), 'aria-current': name === tab && 'page'}, title))));
    const view = this.#views[tab];
    if ($('view').firstChild !== view.node) $('view').replaceChildren(view.node);
    if (before.user && (before.user !== place.user || before.tab !== place.tab)) scrollTo(0, 0);
    const showing = view.show({...place, tab}, signal); // what it asks for is under way while the page is laid out
    $('tabs').scrollLeft = $('tabs').querySelector('[aria-current]').offsetLeft - $('tabs').offsetLeft;
    await showing;
  }
}

// ---- signing in

/** The first look says whether the service lets him; one that cannot list users now does. @param {Who} who */
async function enter(who) {
  const api = api_of(who);
  const users = await api.users('').catch((error) => {
    if (error instanceof AuditError && error.status === 503) return error;
    throw new Error(refusal_of(error));
  });
  session.set(who);
  start(api, users);
}

/** @param {AuditApi} [api] @param {UserPage | AuditError} [users] */
function start(api, users) {
  const who = session.get();
  if (!who) {
    show_sign_in({
      title: 'signalbox audit', mark: 'glass', token: 'Token with the role auditor',
      token_hint: element('p', {class: 'muted hint'}, 'The operator makes one: ',
        element('code', {}, 'signalbox token --user NAME --role auditor')),
      note: element('p', {class: 'muted'}, 'Signing in and every look after it are recorded under your name.'),
    }, enter);
    return;
  }
  $('audit').hidden = false;
  void new Audit(who, api ?? api_of(who), users);
}

offer_theme($('theme'));
start();
