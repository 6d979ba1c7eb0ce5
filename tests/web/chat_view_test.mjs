// The chat page for people who use only the keyboard, a screen reader, a phone, or have a long past;
// and an agent's questions, from a gateway that is played, for no agent of the program asks any. Run
// by `node chat_view_test.mjs` with SIGNALBOX_PROGRAM and SIGNALBOX_NPM.
import assert from 'node:assert/strict';
import {after, before, test} from 'node:test';

import {ask, context_of, done_turns, is_live, launch_browser, open_page, open_steps, say, scrolls_sideways, sign_in, turns} from './chat_page.mjs';
import {make_history} from './made_history.mjs';
import {serious_problems} from './serious_problems.mjs';
import {Service, until, until_count} from './service.mjs';

const kPhone = {viewport: {width: 360, height: 640}, hasTouch: true, isMobile: true};
const kLongRuns = 834; // of six events each: more than 5,000

let service;
let browser;
before(async () => {
  service = await new Service({SIGNALBOX_LIMITS_MESSAGES_PER_SECOND: '10000', SIGNALBOX_LIMITS_MESSAGES_BURST: '10000'}).start();
  browser = await launch_browser();
});
after(async () => {
  await browser?.close();
  await service?.remove();
});

async function device(t, user, options = {}) {
  const context = await context_of(t, browser, options);
  const page = await open_page(context, service.address);
  t.after(() => assert.deepEqual(page.faults, []));
  await sign_in(page, user);
  return page;
}

test('a history of 5,000 events: the newest is there at once, all of it by scrolling up', async (t) => {
  assert.ok(await make_history(service, 'old', 't-old', kLongRuns) >= 5000);
  const page = await device(t, 'old');
  await page.click('#thread_list button:has-text("what is 0 + 1?")');
  const first_view = await done_turns(page, 1);
  assert.equal(first_view.at(-1).answer, `${kLongRuns - 1} + 1 = ${kLongRuns}`);
  assert.ok(first_view.length < 100, `${first_view.length}`);
  await page.locator('.turn').last().waitFor();
  assert.equal(await page.evaluate(() => {
    const {bottom} = document.querySelector('.turn:last-child').getBoundingClientRect();
    return bottom <= document.getElementById('scroller').getBoundingClientRect().bottom + 1;
  }), true);
  // What is looked at stays where it is while older messages come in above it.
  await page.evaluate(() => {
    const scroller = document.getElementById('scroller');
    scroller.scrollTop = scroller.scrollHeight / 2;
  });
  await until_count(async () => {
    await page.evaluate(() => { document.getElementById('scroller').scrollTop -= 3000; });
    return (await turns(page)).length;
  }, kLongRuns, 'turns');
  const all = await turns(page);
  assert.deepEqual(all.map(({said}) => said), all.map((_, i) => `what is ${i} + 1?`));
  assert.ok(all.every(({answer, state}, i) => state === 'done' && answer === `${i} + 1 = ${i + 1}`));
  await page.locator('#older').waitFor({state: 'hidden'});
  await page.click('#newest');
  await page.locator('#newest').waitFor({state: 'hidden'});
  await ask(page, 'what is 1 + 1?');
});

test('what is looked at stays in its place while older messages come in above it', async (t) => {
  await make_history(service, 'steady', 't-steady', 120);
  const page = await device(t, 'steady');
  await page.click('#thread_list button:has-text("what is 0 + 1?")');
  await done_turns(page, 1);
  const place = (said) => page.evaluate((text) => {
    const shown = [...document.querySelectorAll('.turn:not([hidden])')];
    const turn = shown.find((one) => !text || one.querySelector('.said .text').textContent === text);
    return {count: shown.length, said: turn.querySelector('.said .text').textContent, at: turn.getBoundingClientRect().top};
  }, said);
  const {count} = await place();
  let held;
  // Until it has seen that it is at the end: it would take this for the same movement.
  await page.evaluate(() => new Promise((then) => { requestAnimationFrame(() => requestAnimationFrame(then)); }));
  await page.route('**/v1/history**', async (route) => { held = route; });
  await page.evaluate(() => { document.getElementById('scroller').scrollTop = 40; });
  await until(() => held, 'request for older messages');
  const before_them = await place();
  await held.continue();
  await until(async () => (await place()).count > count, 'older messages');
  const after_them = await place(before_them.said);
  assert.ok(Math.abs(after_them.at - before_them.at) < 2, JSON.stringify([before_them, after_them]));
});

test('the keyboard alone is enough', async (t) => {
  const context = await context_of(t, browser);
  const page = await open_page(context, service.address);
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
  const press = async (...keys) => { for (const key of keys) await page.keyboard.press(key); };
  assert.equal(await focused(), 'name');
  await page.keyboard.type('keys');
  await press('Enter');
  await is_live(page);
  assert.equal(await focused(), 'message');
  await page.keyboard.type('what is');
  await press('Shift+Enter');
  await page.keyboard.type('6 * 7?');
  await press('Enter');
  assert.equal(await until(async () => (await turns(page))[0]?.said, 'turn'), 'what is\n6 * 7?');
  await ask(page, 'what is 6 * 7?');

  // From the top: the skip link first, then what the page shows from left to right.
  await page.evaluate(() => {
    document.body.tabIndex = -1;
    document.body.focus();
  });
  await press('Tab');
  assert.equal(await focused(), 'Skip to the message box');
  assert.equal(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), 'solid');
  const order = [];
  for (let i = 0; i < 12; i++) {
    await press('Tab');
    order.push(await focused());
    assert.notEqual(await page.evaluate(() => {
      const {outlineStyle, boxShadow} = getComputedStyle(document.activeElement.closest('.box:focus-within') ?? document.activeElement);
      return outlineStyle === 'none' && boxShadow === 'none' ? 'unseen' : 'seen';
    }), 'unseen', order.at(-1));
    if (order.at(-1) === 'agent') break;
  }
  const wanted = ['new_thread', 'theme', 'sign_out', 'scroller', 'message', 'agent'];
  assert.deepEqual(order.filter((id) => wanted.includes(id)), wanted);
  assert.ok(order.some((text) => /^Used calculator/.test(text)), order.join('; '));
  await press('Escape');
  assert.equal(await focused(), 'message');

  await page.focus('#thread_list button');
  await press('Shift+Tab', 'Enter');
  assert.equal(await focused(), 'message');
  assert.deepEqual(await turns(page), []);
});

test('a phone: nothing is wider than it, and the conversations come and go', async (t) => {
  const page = await device(t, 'phone', kPhone);
  await ask(page, 'help');
  await say(page, `${'w'.repeat(2000)} ${'https://example.test/'.padEnd(900, 'a')}`);
  await done_turns(page, 2);
  assert.equal(await scrolls_sideways(page), false);
  assert.equal(await page.isVisible('#threads'), false);
  await page.tap('#menu');
  await page.waitForSelector('#menu[aria-expanded="true"]');
  await page.waitForSelector('#threads', {state: 'visible'});
  await page.keyboard.press('Escape');
  await page.waitForSelector('#threads', {state: 'hidden'});
  assert.equal(await page.evaluate(() => document.activeElement.id), 'menu');
  await page.tap('#menu');
  await page.tap('#new_thread');
  await page.waitForSelector('#threads', {state: 'hidden'});
  assert.equal(await scrolls_sideways(page), false);
  const small = await page.evaluate(() => [...document.querySelectorAll('button, input, textarea, select')]
    .filter((node) => node.checkVisibility() && node.getBoundingClientRect().height < 24).map((node) => node.id));
  assert.deepEqual(small, []);
});

for (const colorScheme of ['light', 'dark'])
  test(`axe finds nothing serious, ${colorScheme}`, async (t) => {
    for (const options of [{colorScheme}, {colorScheme, ...kPhone}]) {
      const context = await context_of(t, browser, options);
      const page = await open_page(context, service.address);
      assert.deepEqual(await serious_problems(page), []);
      await sign_in(page, `axe-${colorScheme}`);
      await page.waitForSelector('#empty', {state: 'visible'});
      assert.deepEqual(await serious_problems(page), []);
      await ask(page, 'what is 17 * 23?');
      await open_steps(page);
      assert.deepEqual(await serious_problems(page), []);
      await page.route('**/ws', (route) => route.abort());
      if (options.hasTouch) {
        await page.tap('#menu');
        await page.waitForFunction(() => document.getElementById('threads').getBoundingClientRect().left === 0);
        assert.deepEqual(await serious_problems(page), []);
      }
    }
  });

test('a switch makes it light or dark, whatever the system says', async (t) => {
  const page = await device(t, 'theme', {colorScheme: 'dark'});
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await page.click('#theme');
  assert.equal(await page.textContent('#theme'), 'Theme: light');
  const light = await ground();
  assert.notEqual(light, dark);
  await page.reload();
  await is_live(page);
  assert.equal(await ground(), light);
  await page.click('#theme');
  assert.equal(await ground(), dark);
});

// ---- a gateway that is played

const kUser = {user_id: 'asked', thread_id: 't-asked', run_id: '12d1c3ed-7bcb-5021-be47-54f51bfc4159',
  websocket_client_id: 'ws_played'};

/** A page whose socket is played here: `state` sends an event, `sent` has what the page sent. */
async function played_page(t) {
  const context = await context_of(t, browser);
  const page = await context.newPage();
  let seq = 0;
  const played = {page, sent: []};
  await page.route('**/v1/threads**', (route) => route.fulfill({json: {threads: []}}));
  await page.route('**/v1/history**', (route) => route.fulfill({json: {events: []}}));
  await page.routeWebSocket('**/ws?*', (socket) => {
    played.close = (code, reason) => socket.close({code, reason});
    played.send = (frame) => socket.send(JSON.stringify({time: '2026-11-21T14:00:00.000000Z', ...kUser, ...frame}));
    played.state = (type, data, more) => played.send({type, seq: ++seq, cursor: `c${seq}`, attempt: 1, data, ...more});
    socket.onMessage((text) => {
      const frame = JSON.parse(text);
      played.sent.push(frame);
      if (frame.type === 'authenticate') {
        played.send({type: 'connection_ready', user_id: 'asked', cursor: 'c0', heartbeat_seconds: 25, frame_bytes_max: 262144});
        played.send({type: 'caught_up', cursor: 'c0'});
      } else if (!played.is_mute) {
        played.send({type: 'ack', id: frame.id, message_id: frame.message_id});
      }
    });
  });
  await page.goto(`http://${service.address}/#${kUser.thread_id}`);
  await sign_in(page, 'asked');
  return played;
}

function begin_run({state}) {
  state('message_received', {message_id: 'm-1', content: 'order a coffee', agent: 'barista'});
  state('agent_started', {agent: 'barista', agent_version: '1', message_id: 'm-1'});
}

test("an agent's questions are answered: by a button, by fields, and again where it was refused", async (t) => {
  const played = await played_page(t);
  const {page, sent, state} = played;
  begin_run(played);
  const ask_for = (request_id, prompt, schema) =>
    state('input_requested', {step: 1, request_id, prompt, schema, expires: '2026-11-22T14:00:00.000000Z'});
  const answer_to = (request_id) => until(() => sent.findLast((frame) => frame.request_id === request_id), `answer to ${request_id}`);

  ask_for('q-1', 'Here or to go?', {type: 'string', enum: ['here', 'to go']});
  await page.click('.question button:has-text("to go")');
  assert.deepEqual({...await answer_to('q-1'), id: 0}, {type: 'run_input', id: 0, run_id: kUser.run_id, request_id: 'q-1', data: 'to go'});
  state('run_input_rejected', {run_id: kUser.run_id, request_id: 'q-1', code: 'bad_input'});
  await page.waitForSelector('.question:has-text("That answer was not taken (bad_input)")');
  sent.length = 0;
  await page.click('.question button:has-text("here")');
  assert.equal((await answer_to('q-1')).data, 'here');
  state('run_input_received', {run_id: kUser.run_id, request_id: 'q-1', data: 'here'});
  await page.waitForSelector('.question.over:has-text("Answered: here")');

  ask_for('q-2', 'What shall it be?', {type: 'object', required: ['name'], properties: {name: {type: 'string', title: 'Name'},
    shots: {type: 'integer', title: 'Shots'}, sugar: {type: 'boolean', title: 'Sugar'}, more: {type: 'array', title: 'More'}}});
  await page.locator('.question:not(.over)').getByLabel('Name').fill( 'Jean');
  await page.locator('.question:not(.over)').getByLabel('Shots').fill( '2');
  await page.selectOption('label:has-text("Sugar") select', {label: 'No'});
  await page.locator('.question:not(.over)').getByLabel('More').fill( '[1,');
  await page.click('.question button:has-text("Answer")');
  await page.waitForSelector('.question .fault:has-text("This is not JSON")');
  await page.locator('.question:not(.over)').getByLabel('More').fill( '["oat milk"]');
  await page.click('.question button:has-text("Answer")');
  assert.deepEqual((await answer_to('q-2')).data, {name: 'Jean', shots: 2, sugar: false, more: ['oat milk']});
  state('run_input_received', {run_id: kUser.run_id, request_id: 'q-2', data: {name: 'Jean'}});

  ask_for('q-3', '<b>Sure?</b>\0', {type: 'boolean'});
  await until(async () => await page.textContent('.question:not(.over) p') === '<b>Sure?</b>\u2400', 'question as text');
  assert.deepEqual(await serious_problems(page), []);
  state('agent_failed', {code: 'deadline', message: 'nobody answered'});
  await page.waitForSelector('.question.over:has-text("Not answered")');
  assert.equal((await turns(page))[0].end, 'The agent could not finish: nobody answered (deadline).');
});

// Audit of issue 5: a user whose record is damaged saw "Connected", and nothing else.
test('a damaged record is told for as long as it is', async (t) => {
  const played = await played_page(t);
  const {page, send, close} = played;
  await is_live(page);
  assert.equal(await page.isVisible('#banner'), false);
  send({type: 'error', code: 'history_damaged', message: 'seq 7 does not follow'});
  await page.waitForSelector('#banner:has-text("Your record at the service is damaged")');
  assert.equal(await page.isVisible('#try_now'), false);
  await until(async () => (await page.textContent('#say')).includes('damaged'), 'it is read aloud');
  assert.deepEqual(await serious_problems(page), []);
  close(4409, 'too many');
  await page.waitForSelector('#banner:has-text("Not connected: too many windows")');
  await page.click('#try_now');
  await is_live(page);
  await page.waitForSelector('#banner:has-text("Your record at the service is damaged")');
  played.state('message_received', {message_id: 'm-mended', content: 'hello', agent: 'barista'});
  await page.waitForSelector('#banner', {state: 'hidden'});
  // All that is said of a record that broke before this page came.
  played.state('message_rejected', {message_id: 'm-2', code: 'history_damaged', message: 'frozen'}, {run_id: undefined});
  await page.waitForSelector('#banner:has-text("Your record at the service is damaged")');
});

test('an answer grows piece by piece, a lost piece shows, a new attempt starts over, the event is the truth', async (t) => {
  const played = await played_page(t);
  const {page, state, send} = played;
  const piece = (attempt, offset, content) => send({type: 'agent_responding', attempt, data: {index: 0, offset, content}});
  const grows_to = (answer) => until(async () => (await turns(page))[0]?.answer === answer,
    async () => `"${answer}"; ${JSON.stringify(await turns(page))}`);
  const spoken = await page.evaluateHandle(() => {
    const heard = [];
    new MutationObserver(() => heard.push(document.getElementById('say').textContent)).observe(
      document.getElementById('say'), {childList: true, subtree: true, characterData: true});
    return heard;
  });
  piece(1, 0, 'Hi \u{1f600}'); // pieces may be here before the events of their run
  begin_run(played);
  await grows_to('Hi \u{1f600}');
  piece(1, 4, ', one');
  piece(1, 4, ', one');
  piece(1, 0, 'Hi');
  await grows_to('Hi \u{1f600}, one');
  piece(1, 7, 'ne two');
  await grows_to('Hi \u{1f600}, one two');
  piece(1, 40, 'far');
  await grows_to('Hi \u{1f600}, one two … far');
  assert.equal(await page.locator('.answer.busy, .text.busy').count(), 1);
  state('run_resumed', {reason: 'owner_lost'}, {attempt: 2});
  piece(1, 43, 'void');
  piece(2, 0, 'anew');
  await grows_to('anew');
  state('agent_completed', {content: 'The whole truth'}, {attempt: 2});
  await grows_to('The whole truth');
  assert.equal(await page.locator('.text.busy').count(), 0);
  await until(async () => (await spoken.jsonValue()).some((text) => text.includes('Answer: The whole truth')), 'words read aloud');
  const heard = (await spoken.jsonValue()).filter((text) => text !== '');
  assert.ok(heard.length <= 2, JSON.stringify(heard)); // the growing answer is not read piece by piece
  assert.doesNotMatch(heard.join(), /anew|two/);
});

test('a service that does not want this window back says so, and is asked again when somebody says so', async (t) => {
  const played = await played_page(t);
  const {page, sent} = played;
  sent.length = 0;
  played.close(4409, 'too many connections');
  await page.waitForSelector('#banner:has-text("too many windows of this user are open: close some of them")');
  assert.equal(await page.textContent('#status_text'), 'Disconnected');
  assert.deepEqual(await serious_problems(page), []);
  await page.click('#try_now');
  await is_live(page);
  await page.waitForSelector('#banner', {state: 'hidden'});
  assert.deepEqual(sent.map(({type}) => type), ['authenticate']);
});

test('a pasted token that ends leads back to signing in; the words that were not sent are kept', async (t) => {
  const played = await played_page(t);
  const {page} = played;
  await page.click('#sign_out');
  await page.click('#other_way');
  await page.fill('#token', service.token('asked'));
  await page.keyboard.press('Enter');
  await is_live(page);
  await page.fill('#message', 'half a thought');
  const thread = new URL(page.url()).hash;
  played.close(4401, 'the token has expired');
  await page.waitForSelector('#sign_in_fault:has-text("Your token is not valid any more")');
  await page.fill('#name', 'asked');
  assert.equal(new URL(page.url()).hash, thread);
  await page.keyboard.press('Enter');
  await is_live(page);
  assert.equal(await page.inputValue('#message'), 'half a thought');
});

test('words that were not sent are seen by nobody else who signs in here, and are gone once their writer signs out', async (t) => {
  const page = await device(t, 'writer');
  const signed_out = async (leave) => {
    await leave();
    await page.waitForSelector('#sign_in_form');
  };
  const token_ends = () => page.evaluate(() => {
    for (const store of [sessionStorage, localStorage]) store.removeItem('signalbox.session');
    location.reload();
  });
  const {hash} = new URL(page.url());
  await page.fill('#message', 'for my eyes only');
  await signed_out(token_ends);
  await sign_in(page, 'reader');
  assert.equal(new URL(page.url()).hash, hash);
  assert.equal(await page.inputValue('#message'), '');
  await signed_out(token_ends);
  await sign_in(page, 'writer');
  assert.equal(await page.inputValue('#message'), 'for my eyes only');
  await signed_out(() => page.click('#sign_out'));
  assert.deepEqual(await page.evaluate(() => Object.keys(sessionStorage).filter((key) => /draft/.test(key))), []);
  await sign_in(page, 'writer');
  await page.fill('#message', 'of another thread');
  await page.evaluate((to) => { location.hash = to; }, hash);
  await page.waitForFunction(() => document.getElementById('message').value === '');
});

test('a browser without room: what is lost with the page is said to all, and the page goes on', async (t) => {
  const played = await played_page(t);
  const {page, sent} = played;
  const faults = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  await page.evaluate(() => {
    Storage.prototype.setItem = () => { throw new DOMException('no room', 'QuotaExceededError'); };
  });
  played.is_mute = true;
  await page.fill('#message', 'hello');
  assert.equal(await page.isEnabled('#send'), true);
  const {hash} = new URL(page.url());
  await page.click('#new_thread');
  assert.equal(await page.inputValue('#message'), '');
  await page.evaluate((to) => { location.hash = to; }, hash);
  await page.waitForFunction(() => document.getElementById('message').value === 'hello');
  await page.click('#send');
  const warning = '#composer_fault:text-is("The browser keeps no data: this message is lost if you close the page before it is sent.")';
  await page.waitForSelector(warning, {state: 'visible'});
  assert.ok((await page.locator(warning).boundingBox()).height > 10);
  await page.waitForSelector('.turn[data-state="unsent"]');
  assert.equal(await page.isEnabled('#send'), false);
  const said = await until(() => sent.find(({type}) => type === 'user_message'), 'message');
  assert.equal(said.content, 'hello');
  played.send({type: 'ack', id: said.id, message_id: said.message_id, run_id: kUser.run_id});
  await page.waitForSelector('#composer_fault:empty', {state: 'attached'}); // nothing can be lost any more
  await page.click('#theme');
  assert.deepEqual(faults, []);
});

test('a browser that forbids to keep anything: signing in, talking and signing out work all the same', async (t) => {
  const context = await context_of(t, browser);
  await context.addInitScript(() => {
    for (const name of ['localStorage', 'sessionStorage'])
      Object.defineProperty(window, name, {get() { throw new DOMException('denied', 'SecurityError'); }});
    LockManager.prototype.request = () => Promise.reject(new DOMException('The request was denied.', 'SecurityError'));
  });
  const page = await open_page(context, service.address);
  await sign_in(page, 'forbidden');
  assert.equal((await ask(page, 'what is 2 + 2?')).answer, '2 + 2 = 4');
  await page.fill('#message', 'half a thought');
  await page.click('#new_thread');
  assert.equal(await page.inputValue('#message'), '');
  await page.goBack();
  await page.waitForFunction(() => document.getElementById('message').value === 'half a thought');
  await page.click('#theme');
  assert.equal(await page.textContent('#theme'), 'Theme: light');
  await page.click('#sign_out');
  await page.waitForSelector('#sign_in_form');
  assert.deepEqual(page.faults, []);
});

test('history that cannot be had is said, and asked for again', async (t) => {
  const {page} = await played_page(t);
  let refuse = true;
  await page.route('**/v1/history**', (route) => (refuse
    ? route.fulfill({status: 503, json: {error: {code: 'log_unavailable', message: 'the archive cannot be read'}}})
    : route.fulfill({json: {events: []}})));
  await page.click('#new_thread');
  await page.waitForSelector('#history_fault:has-text("Earlier messages could not be loaded: the archive cannot be read")');
  refuse = false;
  await page.click('#older');
  await page.waitForSelector('#empty', {state: 'visible'});
  assert.equal(await page.isVisible('#history_fault'), false);
});

test('conversations that cannot be listed are said, and asked for again by a button', async (t) => {
  await make_history(service, 'listed', 't-listed', 1);
  const page = await open_page(await context_of(t, browser), service.address);
  t.after(() => assert.deepEqual(page.faults, []));
  let refuse = true;
  await page.route('**/v1/threads**', (route) => (refuse
    ? route.fulfill({status: 503, json: {error: {code: 'overloaded', message: 'too many ask'}}}) : route.continue()));
  await sign_in(page, 'listed');
  await page.waitForSelector('#composer_fault:text-is("Your conversations could not be listed: too many ask")');
  refuse = false;
  await page.click('#more_threads:text-is("Try again")');
  await page.waitForSelector('#thread_list button:has-text("what is 0 + 1?")');
  await page.waitForSelector('#more_threads', {state: 'hidden'});
  assert.equal(await page.textContent('#composer_fault'), '');
});
