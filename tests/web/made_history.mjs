// A past for a user of a running service.
import {SignalboxClient} from '../../gateway/web/signalbox.js';
import {npm_package} from './npm_package.mjs';
import {until_count} from './service.mjs';

const kWaiting = 12; // fewer than a thread takes

/** Says these things in one new thread, and waits for the end of all of it; how many events it made. */
export async function converse(service, user, thread_id, contents) {
  const client = new SignalboxClient({url: `ws://${service.address}/ws`, token: () => service.token(user), from: 'start',
    WebSocket: npm_package('ws')});
  let events = 0;
  let ended = 0;
  let next = 0;
  const more = () => {
    if (next < contents.length) client.user_message({thread_id, content: contents[next++]});
  };
  client.on('event', ({type, thread_id: of}) => {
    if (of !== thread_id) return;
    events++;
    if (type !== 'agent_completed') return;
    ended++;
    more();
  });
  client.connect();
  for (let i = 0; i < kWaiting; i++) more();
  await until_count(() => ended, contents.length, 'ends of runs');
  client.close();
  return events;
}

/** So many runs of six events each. */
export const make_history = (service, user, thread_id, count) =>
  converse(service, user, thread_id, Array.from({length: count}, (_, i) => `what is ${i} + 1?`));
