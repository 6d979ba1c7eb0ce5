// Driver of the WebSocket in Java's own java.net.http.HttpClient; what drivers are told and say:
// tests/e2e/stock_client.py.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletionStage;

public class JavaHttpClient {
  private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  private static synchronized void say(String verb, Object word) {
    OUT.print(verb + "\t" + word + "\n");
    OUT.flush();
  }

  private static final class Reader implements WebSocket.Listener {
    private final StringBuilder text = new StringBuilder();

    @Override
    public void onOpen(WebSocket socket) {
      say("open", socket.getSubprotocol());
      socket.request(1);
    }

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
      text.append(part);
      if (last) {
        say("text", text);
        text.setLength(0);
      }
      socket.request(1);
      return null;
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
      say("closed", code);
      return null;
    }

    @Override
    public void onError(WebSocket socket, Throwable error) {
      System.err.println(error);
      say("closed", 1006);
    }
  }

  private static WebSocket connect(String url, String way, String token) {
    WebSocket.Builder builder = HTTP.newWebSocketBuilder();
    if (way.equals("header")) builder.header("Authorization", "Bearer " + token);
    if (way.equals("subprotocol")) builder.subprotocols("signalbox.v1", "bearer." + token);
    else builder.subprotocols("signalbox.v1");
    return builder.buildAsync(URI.create(url), new Reader()).join();
  }

  public static void main(String[] arguments) throws Exception {
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    WebSocket socket = null;
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] words = line.split("\t");
      switch (words[0]) {
        case "connect" -> socket = connect(words[1], words[2], words[3]);
        case "send" -> socket.sendText(words[1], true).join();
        case "close" -> socket.sendClose(WebSocket.NORMAL_CLOSURE, "").join();
        default -> throw new IllegalArgumentException(line);
      }
    }
    System.exit(0);
  }
}
