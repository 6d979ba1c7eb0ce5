// Driver of a browser's WebSocket, in a page of the service's own origin; what drivers are told and
// say: tests/e2e/stock_client.py. Arguments: the folder that holds node_modules, the browser.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { chromium } = createRequire(process.argv[2] + "/")("playwright-core");

// Runs in the page.
function connect([url, way, token]) {
  const protocols = ["signalbox.v1"];
  if (way === "subprotocol") protocols.push(`bearer.${token}`);
  window.socket = new WebSocket(url, protocols);
  window.socket.onopen = () => window.say("open", window.socket.protocol);
  window.socket.onmessage = (message) => window.say("text", message.data);
  window.socket.onclose = (end) => window.say("closed", end.code);
}

const browser = await chromium.launch({
  executablePath: process.argv[3],
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
});
// The pages of the service forbid themselves to connect anywhere; this one stands for one that may.
const page = await browser.newPage({ bypassCSP: true });
await page.exposeFunction("say", (...words) => process.stdout.write(words.join("\t") + "\n"));
let origin;
for await (const line of createInterface({ input: process.stdin })) {
  const [verb, ...words] = line.split("\t");
  if (verb === "connect") {
    // The page stays through a lost network, as a user's does.
    const wanted = new URL(words[0].replace(/^ws/, "http")).origin;
    if (wanted !== origin) await page.goto(`${wanted}/healthz`);
    origin = wanted;
    await page.evaluate(connect, words);
  }
  if (verb === "send") await page.evaluate((text) => window.socket.send(text), words[0]);
  if (verb === "close") await page.evaluate(() => window.socket.close(1000));
}
await browser.close();
process.exit(0);
