// Driver of npm's `ws`; what drivers are told and say: tests/e2e/stock_client.py.
// Arguments: the folder that holds node_modules.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { WebSocket } = createRequire(process.argv[2] + "/")("ws");

function say(...words) {
  process.stdout.write(words.join("\t") + "\n");
}

function connect(url, way, token) {
  const protocols = ["signalbox.v1"];
  const headers = {};
  if (way === "header") headers.Authorization = `Bearer ${token}`;
  if (way === "subprotocol") protocols.push(`bearer.${token}`);
  const opened = new WebSocket(url, protocols, { headers });
  opened.on("open", () => say("open", opened.protocol));
  opened.on("message", (text) => say("text", text.toString()));
  opened.on("error", (error) => process.stderr.write(`${error}\n`));
  opened.on("close", (code) => say("closed", code));
  return opened;
}

let socket;
for await (const line of createInterface({ input: process.stdin })) {
  const [verb, ...words] = line.split("\t");
  if (verb === "connect") socket = connect(...words);
  if (verb === "send") socket.send(words[0]);
  if (verb === "close") socket.close(1000);
}
process.exit(0);
