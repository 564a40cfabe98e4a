import io.spiffe.provider.SpiffeSslContextFactory;
import io.spiffe.provider.SpiffeSslContextFactory.SslContextOptions;
import io.spiffe.spiffeid.SpiffeId;
import io.spiffe.svid.jwtsvid.JwtSvid;
import io.spiffe.workloadapi.DefaultWorkloadApiClient;
import io.spiffe.workloadapi.DefaultX509Source;
import io.spiffe.workloadapi.Watcher;
import io.spiffe.workloadapi.X509Context;
import java.net.InetAddress;
import java.util.Collection;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

/** A client of the Workload API by java-spiffe, unpatched: see ../README.md. */
public final class Main {
  public static void main(String[] args) {
    try {
      switch (args[0]) {
        case "fetch" -> fetch();
        case "watch" -> watch();
        case "serve" -> serve(args[1]);
        case "dial" -> dial(args[1], args[2]);
        default -> throw new IllegalArgumentException("unknown command");
      }
      System.exit(0);
    } catch (Throwable error) {
      say("{\"error\":" + text(error.toString()) + "}");
      System.exit(1);
    }
  }

  private static void fetch() throws Exception {
    try (var client = DefaultWorkloadApiClient.newClient()) {
      var context = client.fetchX509Context();
      var own = context.getDefaultSvid().getSpiffeId();
      var jwt = client.fetchJwtSvid("one", "two");
      var bySubject = client.fetchJwtSvid(own, "one");
      var jwtBundles = client.fetchJwtBundles();
      var remote = client.validateJwtSvid(jwt.getToken(), "two");
      var offline = JwtSvid.parseAndValidate(jwt.getToken(), jwtBundles, Set.of("one"));
      say("{\"ids\":" + list(context.getX509Svids().stream().map(svid -> svid.getSpiffeId().toString()).toList())
          + ",\"bundles\":" + list(context.getX509BundleSet().getBundles().keySet().stream().map(domain -> domain.getName()).toList())
          + ",\"x509Bundles\":" + client.fetchX509Bundles().getBundles().size()
          + ",\"audiences\":" + list(jwt.getAudience())
          + ",\"bySubject\":" + text(bySubject.getSpiffeId().toString())
          + ",\"jwtBundles\":" + jwtBundles.getBundles().size()
          + ",\"remote\":" + text(remote.getSpiffeId().toString())
          + ",\"offline\":" + text(offline.getSpiffeId().toString())
          + ",\"wrongAudience\":" + refuses(() -> client.validateJwtSvid(jwt.getToken(), "three")) + "}");
    }
  }

  private static void watch() throws Exception {
    var client = DefaultWorkloadApiClient.newClient();
    client.watchX509Context(new Watcher<X509Context>() {
      @Override
      public void onUpdate(X509Context context) {
        var svid = context.getDefaultSvid();
        say("{\"id\":" + text(svid.getSpiffeId().toString())
            + ",\"serial\":" + text(svid.getLeaf().getSerialNumber().toString(16)) + "}");
      }

      @Override
      public void onError(Throwable error) {
        System.err.println(error);
      }
    });
    new CountDownLatch(1).await();
  }

  private static SSLContext contextFor(String expected) throws Exception {
    return SpiffeSslContextFactory.getSslContext(SslContextOptions.builder()
        .x509Source(DefaultX509Source.newSource())
        .acceptedSpiffeIdsSupplier(() -> Set.of(SpiffeId.parse(expected)))
        .build());
  }

  private static void serve(String allowed) throws Exception {
    var listener = (SSLServerSocket) contextFor(allowed).getServerSocketFactory()
        .createServerSocket(0, 50, InetAddress.getLoopbackAddress());
    listener.setNeedClientAuth(true);
    say("{\"port\":" + listener.getLocalPort() + "}");
    while (true) {
      var socket = (SSLSocket) listener.accept();
      socket.setSoTimeout(10_000);
      new Thread(() -> {
        try (socket) {
          socket.getOutputStream().write("welcome\n".getBytes());
        } catch (Exception refused) {
          System.err.println(refused);
        }
      }).start();
    }
  }

  private static void dial(String port, String expected) throws Exception {
    var factory = contextFor(expected).getSocketFactory();
    try (var socket = factory.createSocket(InetAddress.getLoopbackAddress(), Integer.parseInt(port))) {
      socket.setSoTimeout(10_000);
      var answer = new String(socket.getInputStream().readAllBytes());
      if (!answer.equals("welcome\n")) throw new IllegalStateException("no welcome");
      say("{\"welcome\":true}");
    }
  }

  private interface Attempt {
    void run() throws Exception;
  }

  private static boolean refuses(Attempt attempt) {
    try {
      attempt.run();
      return false;
    } catch (Exception refused) {
      return true;
    }
  }

  private static synchronized void say(String line) {
    System.out.println(line);
    System.out.flush();
  }

  private static String text(String value) {
    return '"' + value.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", " ") + '"';
  }

  private static String list(Collection<String> values) {
    return values.stream().map(Main::text).collect(Collectors.joining(",", "[", "]"));
  }
}
