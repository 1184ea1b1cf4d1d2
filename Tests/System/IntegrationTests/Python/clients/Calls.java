import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.stream.Collectors;

/** Java's HttpClient with its defaults, which offer HTTP/2 with each request in clear text. */
public class Calls {
    static final HttpClient CLIENT = HttpClient.newHttpClient();
    static String base, key;

    /** Usage: Calls BASE KEY CASE; prints one line for each call. */
    public static void main(String[] arguments) throws Exception {
        base = arguments[0];
        key = arguments[1];
        switch (arguments[2]) {
            case "several" -> { for (int call = 0; call < 3; call++) print(ask("/files", "x")); }
            case "expect" -> {
                for (String body : new String[] {"x", "x".repeat(2 << 20)})
                    print(ask("/files", body).expectContinue(true));
            }
            case "stream" -> {
                for (int call = 0; call < 2; call++) lines(ask("/chat/completions",
                    "{\"model\":\"m\",\"messages\":[],\"stream\":true}"));
            }
        }
    }

    static HttpRequest.Builder ask(String path, String body) {
        return HttpRequest.newBuilder(URI.create(base + path)).timeout(Duration.ofSeconds(4))
            .header("Authorization", "Bearer " + key).header("Content-Type", "application/json")
            .POST(BodyPublishers.ofString(body));
    }

    static void print(HttpRequest.Builder request) throws Exception {
        var answer = CLIENT.send(request.build(), BodyHandlers.ofString());
        System.out.println(answer.statusCode() + " " + answer.body());
    }

    static void lines(HttpRequest.Builder request) throws Exception {
        var answer = CLIENT.send(request.build(), BodyHandlers.ofLines());
        System.out.println(
            answer.statusCode() + " " + answer.body().collect(Collectors.joining("|")));
    }
}
