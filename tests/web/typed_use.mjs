// How a program with type checking uses the module; types_test.mjs checks it. Never run.
import {SignalboxClient, SignalboxError, new_message_id} from '../../gateway/web/signalbox.js';
import {Run} from '../../gateway/web/signalbox_run.js';

const client = new SignalboxClient({url: 'wss://host/ws', token: async (why) => why, cursor: undefined});
// @ts-expect-error a token callback is needed
new SignalboxClient({url: 'wss://host/ws'});

const off = client.on('event', (event) => console.log(event.seq + 1, event.cursor.length));
client.on('state', ({state, wait_ms = 0}) => console.log(state === 'waiting', wait_ms + 1));
client.on('progress', ({data}) => console.log(data.offset + data.content.length));
client.on('error', (error) => console.log(error instanceof SignalboxError, error.code, error.retry_after_ms));
// @ts-expect-error there is no such event
client.on('message', () => {});
// @ts-expect-error seq is a number
client.on('event', ({seq}) => seq.length);
off();

client.connect();
const {run_id} = await client.user_message({message_id: new_message_id(), thread_id: 't', content: 'x'});
// @ts-expect-error a message has a thread
void client.user_message({content: 'x'});
await client.cancel_run({run_id});
await client.run_input({run_id, request_id: 'q', data: {any: ['thing']}});
for (let page = await client.history({before: 10}); page.next; page = await client.history({next: page.next}))
  console.log(page.events.map(({seq}) => seq + 1));
const {threads: [{first_words, newest_seq}]} = await client.threads({limit: 1});
console.log(first_words.length + newest_seq);
const run = new Run();
client.on('event', (event) => console.log(run.take(event), run.view.steps.map(({name, text}) => name ?? text)));
client.on('progress', (piece) => run.grow(piece));
// @ts-expect-error there is no such state
console.log(run.view.state === 'asleep');
// @ts-expect-error read only
client.seq = 4;
client.close();
